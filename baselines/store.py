"""Read and write measured runs: pytest-benchmark's own files, journalled, and which are accepted.

``<machine>/NNNN_<name>_<run>.json`` is what --benchmark-save writes; ``<machine>/accepted.toml``
says which of those runs are the baseline of which cell; ``<machine>/roofline`` is no run.
"""

import contextlib
import datetime
import fcntl
import hashlib
import json
import math
import os
import re
import tomllib
import uuid
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent
ACCEPTED = "accepted.toml"
ROOFLINE = "roofline"  # baselines.roofline's, JSON; not called so, or pytest-benchmark would take it for a run
SAMPLE = {  # what of a sample is read again, and as what
    **dict.fromkeys(("cell", "dataset", "precision"), str),
    "accuracy": float | int,
    **dict.fromkeys(("recipe", "data", "load", "code", "parameters", "peak_memory"), dict),
    **dict.fromkeys(("train_seconds", "eval_seconds"), list),
    **dict.fromkeys(("loss", "compile_seconds"), float | int | None),
    "epochs_option": int | None,
    "seed": int,
}
NAME = re.compile(r"[\w.-]+", re.ASCII)  # of a run, so that it can stand in a file's name anywhere
FILE = re.compile(r"(?P<number>\d{4,})_(?P<name>.+)_(?P<run>[0-9a-f]{8})\.json")


class StoreError(Exception):
    """A stored file cannot be read or written as it must be; the message names it and the next step."""


class Run(NamedTuple):
    """One cell, trained once: an entry of a stored file, with what the file says around it."""

    machine: str
    file: str
    name: str  # as --benchmark-save was given
    cell: str
    sample: dict  # what baselines.run measured: the entry's extra_info
    info: dict  # the file's machine_info
    commit: dict
    when: str  # ISO 8601, UTC
    digest: str  # sha256 of the entry, machine_info and commit_info, which an edited file no longer has
    accepted: bool


def plain(value):
    """The value in types that strict JSON holds: NumPy scalars and arrays unpacked, NaN and infinity as None.

    Raises:
        TypeError: something in it is no number, text, list or table with text keys.
    """
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"key {key!r} is no text")
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):  # NumPy
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise TypeError(f"{value!r} cannot be stored as JSON")


def _checked(sample):
    """Raise ValueError where a sample lacks what gates, tables and estimates read, or holds it in another type."""
    for key, kind in SAMPLE.items():
        if not isinstance(sample[key], kind) or isinstance(sample[key], bool):
            raise ValueError(f"{key} is {sample[key]!r:.40}")
    if not 0 <= sample["accuracy"] <= 1 or not isinstance(sample["data"]["fingerprint"], str):
        raise ValueError(f"accuracy is {sample['accuracy']}")
    for key in ("train_seconds", "eval_seconds"):
        if not all(isinstance(each, float | int) and each > 0 for each in sample[key]):
            raise ValueError(f"{key} is {sample[key]!r:.40}")
    if bool(sample["train_seconds"]) != (sample["compile_seconds"] is not None):
        raise ValueError("it has some times and lacks others")
    for table, key in ("load", "others"), ("parameters", "total"), ("peak_memory", "host"), ("peak_memory", "gpu"):
        if not isinstance(sample[table][key], float | int | None):
            raise ValueError(f"{table}'s {key} is {sample[table][key]!r:.40}")


def replace(path, text):
    """Write a file so that it is always either the old one or the whole new one."""
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        with part.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextlib.contextmanager
def _alone(folder):
    """Hold the folder, so that two sessions never take the same number."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def journal(storage):
    """Make a pytest-benchmark FileStorage write one file a session, whole at every moment.

    The first ``save`` takes the next number in the machine's folder; later ones replace that file. What
    was written is in ``storage.stored``, what could not be is the OSError in ``storage.failed``.
    """
    run = uuid.uuid4().hex[:8]
    storage.stored = taken = []
    storage.failed = None

    def save(output, name):
        storage.failed = None
        if output.get("benchmarks") == [] and not taken:  # every cell was stored before
            return
        try:
            write(output, name)
        except OSError as error:  # not raised: pytest-benchmark also saves where that would cost the session's summary
            storage.failed = error

    def write(output, name):
        text = json.dumps(plain(output), indent=1, allow_nan=False)
        if not taken:
            folder = storage.get("")
            with _alone(folder):
                last = max((int(match["number"]) for file in folder.iterdir() if (match := FILE.fullmatch(file.name))), default=0)
                path = folder / f"{last + 1:04}_{name}_{run}.json"
                replace(path, text)
                taken.append(path)
        else:
            replace(taken[0], text)

    storage.save = save


def runs(folder=FOLDER):
    """Every stored run, oldest first.

    Raises:
        StoreError: a file is damaged, or an accepted run is not what was accepted.
    """
    found = []
    for machine in sorted(path for path in folder.glob("*") if path.is_dir()):
        accepted = accepted_runs(machine)
        for path in sorted(machine.glob("*.json")):
            found += _entries(path, accepted)
        for cell, entry in accepted.items():
            present = {run.file for run in found if run.machine == machine.name and run.cell == cell}
            for file in entry["runs"].keys() - present:
                raise StoreError(f"{machine / ACCEPTED}: {file} has no run of {cell}; take the file back from git or delete its line here")
    return sorted(found, key=lambda run: run.when)


def _entries(path, accepted):
    match = FILE.fullmatch(path.name)
    if not match:
        raise StoreError(f"{path}: not named NNNN_<name>_<run>.json as a stored run is; move it away")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        entries = []
        for entry in content["benchmarks"]:
            _checked(entry["extra_info"])
            entries.append((entry["extra_info"]["cell"], entry["extra_info"], _digest(content, entry)))
        around = content["machine_info"], content["commit_info"], content["datetime"]
        if not (around[0]["versions"].keys() and around[0]["python"] and isinstance(around[2], str)):
            raise ValueError("machine_info or datetime says nothing")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise StoreError(f"{path}: not a stored run ({reason}); take it back from git or delete it") from error
    for cell, sample, digest in entries:
        promised = accepted.get(cell, {}).get("runs", {}).get(path.name)
        if promised and promised != digest:
            raise StoreError(f"{path}: its run of {cell} is not the one that was accepted; take the file back from git")
        yield Run(path.parent.name, path.name, match["name"], cell, sample, *around, digest, bool(promised))


def _digest(content, entry):
    said = json.dumps([content["machine_info"], content["commit_info"], entry], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()


def accepted_runs(machine):
    """Cell id -> {'since', 'reason', 'runs': {file: digest}} of one machine's folder.

    Raises:
        StoreError: accepted.toml is damaged.
    """
    path = machine / ACCEPTED
    if not path.is_file():
        return {}
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        found = {cell: {key: entry[key] for key in ("since", "reason", "runs")} for cell, entry in table.items()}
        if not all(isinstance(entry["runs"], dict) for entry in found.values()):
            raise TypeError("runs is no table")
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise StoreError(f"{path}: not a list of accepted runs ({error}); take it back from git") from error
    return found


def accept(folder, chosen, reason, add=False):
    """Make runs the baseline of their cells on their machines, in place of the former ones.

    Args:
        folder: where the machines' folders are.
        chosen: Runs.
        reason: why, in words.
        add: keep the former ones, too.
    """
    for machine in {run.machine for run in chosen}:
        with _alone(folder / machine):
            table = accepted_runs(folder / machine)
            for cell in {run.cell for run in chosen if run.machine == machine}:
                former = table.get(cell, {}).get("runs", {}) if add else {}
                new = {run.file: run.digest for run in chosen if (run.machine, run.cell) == (machine, cell)}
                table[cell] = {"since": datetime.date.today().isoformat(), "reason": reason, "runs": {**former, **new}}
            replace(folder / machine / ACCEPTED, _toml(table))


def _toml(table):
    """The table as TOML."""
    lines = ["# Which stored runs are the baseline of which cell, written by: python -m baselines accept\n"]
    for cell, entry in sorted(table.items()):
        lines.append(f"[{_text(cell)}]")
        lines += [f"{key} = {_text(entry[key])}" for key in ("since", "reason")]
        lines.append(f"[{_text(cell)}.runs]")
        lines += [f"{_text(file)} = {_text(digest)}" for file, digest in sorted(entry["runs"].items())]
        lines.append("")
    return "\n".join(lines)


def _text(words):
    """Words as a TOML text: a JSON one but for DEL, which JSON leaves bare, and bytes that are no character."""
    return json.dumps(words.encode("utf-8", "replace").decode(), ensure_ascii=False).replace("\x7f", "\\u007f")
