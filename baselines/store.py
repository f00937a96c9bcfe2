"""Read and write records: pytest-benchmark's own files, one a session, and which records are accepted.

``<machine>/NNNN_<name>_<session>.json`` is what --benchmark-save writes: pytest-benchmark's timings under ``benchmarks``,
the records under ``records``; ``<machine>/accepted.toml`` says which records are the baseline of which
cell; ``<machine>/roofline`` is baselines.roofline's.
"""

import contextlib
import datetime
import fcntl
import hashlib
import json
import os
import re
import tomllib
import uuid
from pathlib import Path
from typing import NamedTuple

from baselines import record
from zoo import project

FOLDER = Path(__file__).parent
ACCEPTED = "accepted.toml"
ROOFLINE = "roofline"  # JSON without .json in its name, since pytest-benchmark reads every .json file as timings
NAME = re.compile(r"[\w.-]+", re.ASCII)  # of --benchmark-save: what any file system takes
FILE = re.compile(r"(?P<number>\d{4,})_(?P<name>.+)_(?P<session>[0-9a-f]{8})\.json")


class StoreError(Exception):
    """A stored file cannot be read or written, or is damaged; the message names it and the next step."""


class Stored(NamedTuple):
    """A record, and where it is stored."""

    machine: str  # the folder
    file: str
    name: str  # as --benchmark-save was given
    cell: str
    record: dict  # as baselines.record describes it
    commit: dict  # the file's commit_info
    when: str  # ISO 8601, UTC
    accepted: bool
    raw: tuple  # machine_info, commit_info and the record, as stored

    @property
    def digest(self):
        """sha256 of all that the file says of the record; it changes when the file is edited."""
        return hashlib.sha256(json.dumps(self.raw, sort_keys=True).encode()).hexdigest()


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
def _locked(folder):
    """Lock the folder, so that two sessions never take the same number."""
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
    session = uuid.uuid4().hex[:8]
    storage.stored = taken = []
    storage.failed = None

    def save(output, name):
        storage.failed = None
        if not output["records"] and not taken:
            return
        try:
            write(json.dumps(record.plain(output), indent=1, allow_nan=False), name)
        except OSError as error:  # not raised: pytest-benchmark also saves where that would cost the session's summary
            storage.failed = error

    def write(text, name):
        if taken:
            replace(taken[0], text)
            return
        folder = storage.get("")
        with _locked(folder):
            last = max((int(match["number"]) for file in folder.iterdir() if (match := FILE.fullmatch(file.name))), default=0)
            path = folder / f"{last + 1:04}_{name}_{session}.json"
            replace(path, text)
            taken.append(path)

    storage.save = save


def folders():
    """The storages, which hold the machines' folders: the default one (a project's, if there is one), then the suite's own."""
    own = project.folder()
    return [own / "records", FOLDER] if own else [FOLDER]


def every(storage):
    """Every record of a storage and, if that is the project's, of the suite's own: a list of Stored, oldest first."""
    found = [each for folder in dict.fromkeys([storage, *(folders() if storage in folders() else [])]) for each in records(folder)]
    return sorted(found, key=lambda stored: stored.when)


def records(folder=FOLDER):
    """Every record of a storage, oldest first: a list of Stored.

    Raises:
        StoreError: a file is damaged, or an accepted record is not what was accepted.
    """
    found = []
    for machine in sorted(path for path in folder.glob("*") if path.is_dir()):
        accepted = accepted_records(machine)
        here = [stored for path in sorted(machine.glob("*.json")) for stored in _read(path)]
        found += _marked(here, accepted, machine) if accepted else here
    return sorted(found, key=lambda stored: stored.when)


def _marked(here, accepted, machine):
    """The records of a machine's folder, with ``accepted`` set."""
    promised = {
        (cell, file, digest) for cell, entry in accepted.items() for file, digests in entry["records"].items() for digest in digests
    }
    files = {(cell, file) for cell, file, _ in promised}
    marked = []
    for stored in here:
        key = (stored.cell, stored.file, stored.digest) if (stored.cell, stored.file) in files else None
        marked.append(stored._replace(accepted=key in promised))
        promised.discard(key)
    for cell, file, _ in sorted(promised):
        if any((stored.cell, stored.file) == (cell, file) for stored in here):
            raise StoreError(f"{machine / file}: its record of {cell} has changed since it was accepted; restore the file from git")
        raise StoreError(
            f"{machine / ACCEPTED}: {file} no longer has a record of {cell}; restore that file from git or delete its line here"
        )
    return marked


def _read(path):
    """The records of one file: a list of Stored, none of them accepted yet."""
    match = FILE.fullmatch(path.name)
    if not match:
        raise StoreError(f"{path}: not named NNNN_<name>_<session>.json, as files of records are; move it out of the folder")
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
        if not isinstance(content, dict):
            raise TypeError("it is not a JSON object")
        info, commit = content["machine_info"], content["commit_info"]
        if "records" in content:
            entries = checked = content["records"]
        else:  # from before records had a version
            entries = content["benchmarks"]
            checked = [record.upgraded(entry["extra_info"], info, path.parent.name, content["datetime"]) for entry in entries]
        for each in checked:
            record.check(each)
        return [
            Stored(path.parent.name, path.name, match["name"], each["cell"], each, commit, each["when"], False, (info, commit, entry))
            for each, entry in zip(checked, entries, strict=True)
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = f"the key {error} is missing" if isinstance(error, KeyError) else error or type(error).__name__
        raise StoreError(f"{path}: not a file of records ({reason}); restore it from git or delete it") from error


def accepted_records(machine):
    """Cell id -> {'since', 'reason', 'records': {file: [digest, ...]}} of one machine's folder.

    Raises:
        StoreError: accepted.toml is damaged.
    """
    path = machine / ACCEPTED
    if not path.is_file():
        return {}
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        return {cell: _accepted(cell, entry) for cell, entry in table.items()}
    except (OSError, ValueError) as error:
        raise StoreError(f"{path}: not a list of accepted records ({error}); restore it from git") from error


def _accepted(cell, entry):
    """The keys of a cell's entry in accepted.toml; a ValueError where one is missing or wrong."""
    if not isinstance(entry, dict):
        raise ValueError(f"{cell} is not a table")
    for key in "since", "reason", "records":
        if key not in entry:
            raise ValueError(f"[{cell}]: the key {key!r} is missing")
    if not isinstance(entry["records"], dict) or not all(isinstance(digests, list) for digests in entry["records"].values()):
        raise ValueError(f"[{cell}.records] is not a table of file = [digests]")
    return {key: entry[key] for key in ("since", "reason", "records")}


def accept(folder, chosen, reason, add=False):
    """Make records the baseline of their cells on their machines, in place of the former ones.

    Args:
        folder: where the machines' folders are.
        chosen: list of Stored.
        reason: why they become the baseline.
        add: keep the former baseline, too.
    """
    for machine in {stored.machine for stored in chosen}:
        with _locked(folder / machine):
            table = accepted_records(folder / machine)
            for cell in {stored.cell for stored in chosen if stored.machine == machine}:
                listed = table.get(cell, {}).get("records", {}) if add else {}
                for stored in chosen:
                    if (stored.machine, stored.cell) == (machine, cell):
                        listed[stored.file] = sorted({*listed.get(stored.file, []), stored.digest})
                table[cell] = {"since": datetime.date.today().isoformat(), "reason": reason, "records": listed}
            replace(folder / machine / ACCEPTED, _toml(table))


def _toml(table):
    """The table as TOML."""
    lines = ["# Which stored records are the baseline of which cell, written by: python -m baselines accept\n"]
    for cell, entry in sorted(table.items()):
        lines.append(f"[{_text(cell)}]")
        lines += [f"{key} = {_text(entry[key])}" for key in ("since", "reason")]
        lines.append(f"[{_text(cell)}.records]")
        lines += [f"{_text(file)} = {json.dumps(digests)}" for file, digests in sorted(entry["records"].items())]
        lines.append("")
    return "\n".join(lines)


def _text(text):
    """A text as a TOML string: as JSON writes it, but with DEL escaped and with ? for bytes that are not characters."""
    return json.dumps(text.encode("utf-8", "replace").decode(), ensure_ascii=False).replace("\x7f", "\\u007f")
