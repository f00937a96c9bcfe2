"""Records in files: pytest-benchmark's own, one a session.

``<machine>/NNNN_<name>_<session>.json`` is what --benchmark-save writes: pytest-benchmark's timings under ``benchmarks``, the
records under ``records``, and beside them, by the records' ids, ``digests`` and ``verdicts``. In the same folder are
``accepted.toml`` (baselines.accepted) and ``roofline`` (baselines.roofline).

Records are ordered by the numbers of their files within a machine's folder, since clocks are wrong now and then.
"""

import datetime
import hashlib
import json
import re
import tempfile
import uuid
from pathlib import Path
from typing import NamedTuple

from baselines import accepted, calibration, record, upgrade
from baselines.files import FILE, StoreError, dense, numbered, replace
from zoo import project

FOLDER = Path(__file__).parent
ROOFLINE = "roofline"  # JSON without .json in its name, since pytest-benchmark reads every .json file as timings
_sorted = json.JSONEncoder(sort_keys=True).encode
NAME = re.compile(r"[\w.-]+", re.ASCII)  # of --benchmark-save: what any file system takes
UNFINISHED = "its own file"  # in place of the name of the file that a session is writing


class Stored(NamedTuple):
    """A record, and where it is stored."""

    machine: str  # the folder
    file: str
    name: str  # as --benchmark-save was given
    cell: str
    record: dict  # as baselines.record describes it
    commit: dict  # the file's commit_info
    when: str  # ISO 8601, UTC
    digest: str  # of all that the file says of the record; it changes when the file is edited
    complete: bool = True  # whether its session ended
    verdicts: dict = {}  # noqa: RUF012 accuracy or seconds -> what the session said of it
    accepted: bool = False
    calibration: list = []  # noqa: RUF012 what `python -m baselines calibrate` measured of the machine


def digest(machine_info, commit_info, entry):
    """sha256 of a record (or of an entry of version 0) with what its file says of the machine and the commit."""
    return _digest_of(_sorted(machine_info), _sorted(commit_info), entry)


def _digest_of(machine_info, commit_info, entry):
    """``digest``, given the first two as JSON."""
    return hashlib.sha256(f"[{machine_info}, {commit_info}, {_sorted(entry)}]".encode()).hexdigest()


def journal(storage):
    """Make a pytest-benchmark FileStorage write one file a session, whole at every moment.

    The first ``save`` takes the next number in the machine's folder; later ones replace that file, ``storage.stored``. Where that
    fails, ``storage.failed`` is the OSError, and the file goes to a new folder for temporary files.
    """
    session = uuid.uuid4().hex[:8]
    storage.stored = storage.failed = None

    def save(output, name):
        if not output["records"] and not storage.stored:
            return
        text = dense(record.plain(output))
        for folder in lambda: Path(storage.get("")), lambda: Path(tempfile.mkdtemp(prefix="zoobench-")):
            try:
                storage.stored = storage.stored or numbered(folder(), name, session)
                replace(storage.stored, text)
                return
            except OSError as error:  # not raised: pytest-benchmark also saves where that would cost the session's summary
                storage.failed = storage.failed or error
                storage.stored = None

    storage.save = save


def folders():
    """The storages, which hold the machines' folders: the default one (a project's, if there is one), then the suite's own."""
    own = project.folder()
    return [own / "records", FOLDER] if own else [FOLDER]


def every(storage, problems=None):
    """Every record of a storage and, if that is the project's, of the suite's own, as ``records`` gives them."""
    chosen = dict.fromkeys([*(reversed(folders()) if storage in folders() else []), storage])
    return _calibrated(_once([each for folder in chosen for each in _read_all(folder, problems)], problems), chosen)


def records(folder=FOLDER, problems=None):
    """Every record of a storage: a list of Stored, oldest first. A training counts once, however many copies its record has.

    Args:
        folder: holds the machines' folders.
        problems: list that a line is added to for everything that is left out, or that looks wrong.

    Raises:
        StoreError: an accepted record is missing, or is not what was accepted; without ``problems``, also where a file is left out.
    """
    return _calibrated(_once(_read_all(folder, problems), problems), [folder])


def _calibrated(found, folders):
    """The records with what was measured of their machine, whichever storage holds it."""
    calls = {}
    for path in (path for folder in folders for path in sorted(folder.glob(f"*/{calibration.NAME}"))):
        calls.setdefault(path.parent.name, []).extend(calibration.load(path.parent))
    return [each._replace(calibration=calls[each.machine]) if each.machine in calls else each for each in found]


def _read_all(folder, problems):
    """The records in the machines' folders, each folder's in the order of its files' numbers."""
    found = []
    for machine in sorted(path for path in folder.glob("*") if path.is_dir()):
        promised, here, damaged = accepted.read(machine), [], {}
        for path in sorted(machine.glob("*.json"), key=lambda path: (len(path.name.split("_")[0]), path.name)):
            try:
                here += _read(path)
            except StoreError as error:
                damaged[path.name] = error
        found += _marked(here, promised, machine, damaged) if promised else here
        if damaged and problems is None:
            raise next(iter(damaged.values()))
        if problems is not None:
            problems += [f"left out: {error}" for error in damaged.values()]
    return found


def _once(found, problems):
    """The records oldest first, each training once: the accepted record, else the one in its own machine's folder, else the first.

    Between folders, a record is as old as its date, but never newer than those that were stored after it, or than now.
    """
    kept = {}
    for each in found:
        here, former = each.record["machine"] == each.machine, kept.get(each.record["id"])
        if former is None or (each.accepted, here) > (former.accepted, former.record["machine"] == former.machine):
            kept[each.record["id"]] = each
        if former is not None and problems is not None:
            first, other = (each, former) if kept[each.record["id"]] is former else (former, each)
            problems.append(
                f"left out: {first.machine}/{first.file}: its record of {each.cell} is a copy of one in {other.machine}/{other.file}"
            )
    left = [each for each in found if kept[each.record["id"]] is each]
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    ages, latest = {}, {}
    for each in reversed(left):
        ages[each.record["id"]] = latest[each.machine] = min(each.when, latest.get(each.machine, now))
        if each.when[:10] > now[:10] and problems is not None:
            problems.append(f"{each.machine}/{each.file}: dated {each.when}, which is ahead of this machine's clock; ordered by its number")
    return sorted(left, key=lambda each: ages[each.record["id"]])


def _marked(here, table, machine, damaged):
    """The records of a machine's folder, with ``accepted`` set."""
    promised = {(cell, file, value) for cell, entry in table.items() for file, values in entry["records"].items() for value in values}
    marked = [each._replace(accepted=(each.cell, each.file, each.digest) in promised) for each in here]
    for cell, file, _ in sorted(promised - {(each.cell, each.file, each.digest) for each in here}):
        if file in damaged:
            raise StoreError(f"{damaged[file]} (its record of {cell} is accepted)")
        if any((each.cell, each.file) == (cell, file) for each in here):
            raise StoreError(f"{machine / file}: its record of {cell} has changed since it was accepted; restore the file from git")
        raise StoreError(
            f"{machine / accepted.NAME}: {file} no longer has a record of {cell}; restore that file from git or delete its line here"
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
        entries = _entries(content, path.parent.name)
        about = _sorted(content["machine_info"]), _sorted(content["commit_info"])  # once a file, which has many records
        return [
            Stored(
                path.parent.name,
                path.name,
                match["name"],
                made["cell"],
                made,
                content["commit_info"],
                made["when"],
                _digest(content, made, _digest_of(*about, entry)),
                content.get("complete", True),
                content.get("verdicts", {}).get(made["id"], {}),
            )
            for made, entry in entries
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = f"the key {error} is missing" if isinstance(error, KeyError) else error or type(error).__name__
        raise StoreError(f"{path}: not a file of records ({reason}); restore it from git or delete it") from error


def _entries(content, machine):
    """(record as this suite reads it, record as stored) of each training in a file."""
    if "records" in content:
        entries = content["records"]
        made = [upgrade.current(entry) for entry in entries]
    else:  # from before records had a version
        entries = content["benchmarks"]
        made = [upgrade.upgraded(entry["extra_info"], content["machine_info"], machine, content["datetime"]) for entry in entries]
    for each in made:
        record.check(each)
    return zip(made, entries, strict=True)


def _digest(content, made, found):
    """The digest of a record, as it is found: it must be the stored one, if there is one."""
    if content.get("digests", {}).get(made["id"], found) != found:
        raise ValueError(f"its record of {made['cell']} was edited after it was stored")
    return found
