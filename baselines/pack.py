"""Records in one archive: packed on the machine that measured them, and taken in on another one by ``python -m baselines add``.

Only what records/MACHINE/ holds is taken in: files of records, which are read and checked as any stored file is, and a
roofline where there is none. All of it is checked before anything is written, and nothing is overwritten.
"""

import json
import os
import re
import tarfile
import tempfile
import zlib
from collections import Counter
from pathlib import Path, PurePosixPath

from baselines import files, record, roofline, store

FOLDER = "records"  # in the archive: holds the machines' folders
MACHINE = re.compile(r"[a-z0-9][a-z0-9._-]*")
LARGEST, TOTAL, MEMBERS = 64 << 20, 512 << 20, 10_000  # bytes of one file and of all, and their number


def pack(files, target):
    """Write an archive; its path is the target's, or, where that is taken, the same with a number.

    Args:
        files: name in the archive -> Path.
        target: Path that ends in .tar.gz.

    Raises:
        OSError: it cannot be written; nothing is left of it.
    """
    handle, part = tempfile.mkstemp(prefix=".tour-", suffix=".part", dir=target.parent)
    try:
        with open(handle, "wb") as opened:
            with tarfile.open(fileobj=opened, mode="w:gz") as archive:
                for name, path in files.items():
                    archive.add(path, name, recursive=False, filter=_nameless)
            opened.flush()
            os.fsync(opened.fileno())
        os.chmod(part, 0o644)
        return _numbered(target.parent, lambda number: target.name if number == 1 else target.name.replace(".tar", f"-{number}.tar"), part)
    finally:
        Path(part).unlink(missing_ok=True)


def _nameless(member):
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def _numbered(folder, name, source, number=1):
    """Move a file to the first name that is free, and never over another file: its new Path."""
    while True:
        path = folder / name(number)
        try:
            os.link(source, path)
            return path
        except FileExistsError:
            number += 1
        except OSError:  # a file system without links
            if not path.exists():
                os.replace(source, path)
                return path
            number += 1


def add(archive, storage):
    """Take the records of an archive in.

    Args:
        archive: its Path.
        storage: the folder of the machines' folders.

    Returns:
        (lines that say what was done, the machines' folders that records were added to).

    Raises:
        files.StoreError: the archive is damaged, or holds what an archive of records does not; nothing was changed.
    """
    with tempfile.TemporaryDirectory() as folder:
        unpacked = Path(folder) / "archive"
        unpacked.mkdir()
        _unpack(archive, unpacked)
        try:
            stored = store.records(unpacked)
            rooflines = {path.name: roofline.load(path) for path in sorted(unpacked.iterdir())}
        except files.StoreError as error:
            raise files.StoreError(f"{archive}: {str(error).replace(f'{unpacked}/', '').split(';')[0]}; nothing was added") from error
        for each in stored:
            if each.record["machine"] != each.machine:
                raise files.StoreError(
                    f"{archive}: {each.machine}/{each.file} has a record of the machine {each.record['machine']}; nothing was added"
                )
        if not stored and not any(rooflines.values()):
            raise files.StoreError(f"{archive}: holds no records in {FOLDER}/MACHINE/; nothing was added")
        return _take_in(unpacked, stored, rooflines, storage)


def _unpack(archive, folder):
    """Unpack the files of records and the rooflines of an archive; everything in it is looked at first."""

    def refused(problem):
        return files.StoreError(f"{archive}: {problem}; nothing was added")

    total = 0
    try:
        with tarfile.open(archive, "r:*") as opened:
            for count, member in enumerate(opened, 1):
                parts = PurePosixPath(member.name).parts  # which leaves out ./ and doubled slashes
                total += member.size
                if member.name.startswith("/") or ".." in parts or "\0" in member.name or "\\" in member.name:
                    raise refused(f"{member.name!r:.80} leads out of the archive's own folder")
                if not (member.isfile() or member.isdir()):
                    raise refused(f"{member.name!r:.80} is not a plain file, but a link or a device")
                if member.size > LARGEST or total > TOTAL or count > MEMBERS:
                    raise refused(f"{member.name!r:.80} is beyond {LARGEST >> 20} MB a file, {TOTAL >> 20} MB or {MEMBERS} files in all")
                if member.isfile() and (name := _kept(parts)):
                    path = folder.joinpath(*name)
                    if path.exists():
                        raise refused(f"{member.name!r:.80} is in it twice")
                    path.parent.mkdir(exist_ok=True)
                    path.write_bytes(opened.extractfile(member).read())
            while total <= TOTAL and (rest := opened.fileobj.read(1 << 20)):  # to the end, where the checksum is
                total += len(rest)
    except (tarfile.TarError, EOFError, zlib.error, ValueError) as error:
        raise refused(f"not a whole .tar.gz archive ({str(error).split(':')[0]}); copy it again") from error
    except OSError as error:
        raise refused(f"cannot be read ({error})") from error


def _kept(parts):
    """(machine, file) of records/MACHINE/FILE, wherever in the archive; None of any other file."""
    *_, folder, machine, file = ("", "", "", *parts)
    known = files.FILE.fullmatch(file) or file == store.ROOFLINE
    return (machine, file) if folder == FOLDER and MACHINE.fullmatch(machine) and known else None


def _take_in(unpacked, stored, rooflines, storage):
    """Write what is new of an unpacked archive. Returns what ``add`` returns."""
    known = {each.record["id"]: f"{each.machine}/{each.file}" for each in store.every(storage, [])}
    lines, made, added = [], [], Counter()
    try:
        for machine in rooflines:
            folder = storage / machine
            folder.mkdir(exist_ok=True)
            for path in sorted(unpacked.joinpath(machine).glob("*.json")):
                content = json.loads(path.read_text(encoding="utf-8"))
                ids = [each.record["id"] for each in stored if (each.machine, each.file) == (machine, path.name)]
                new = [each for each in ids if each not in known]
                if "records" not in content and len(new) < len(ids):  # from before records had ids: all or none
                    new = []
                lines += [f"already stored, left out: record {each} of {path.name}, in {known[each]}" for each in ids if each in known]
                if new:
                    made.append(_write(content if len(new) == len(ids) else _only(content, new), path.name, folder))
                    known |= dict.fromkeys(new, f"{machine}/{made[-1].name}")
                    added[machine] += len(new)
                    lines.append(f"added: {machine}/{made[-1].name}, {len(new)} record{'s' * (len(new) > 1)}")
            if rooflines[machine]:
                lines.append(_add_roofline(unpacked / machine / store.ROOFLINE, folder / store.ROOFLINE, made))
    except OSError as error:
        for path in made:
            path.unlink(missing_ok=True)
        raise files.StoreError(
            f"{storage}: cannot be written to ({error}); make room, and add the archive again: nothing was added"
        ) from error
    return lines, list(added)


def _write(content, name, folder):
    """Write a file of records under the folder's next number: its Path."""
    match = files.FILE.fullmatch(name)
    path = files.numbered(folder, match["name"], match["session"])
    try:
        files.replace(path, files.dense(record.plain(content)))
    except OSError:
        path.unlink()
        raise
    return path


def _only(content, ids):
    """A file's content with only those records, and what belongs to them."""
    kept = {**content, "records": [each for each in content["records"] if each["id"] in ids]}
    kept["benchmarks"] = [each for each in content["benchmarks"] if each["extra_info"].get("record") in ids]
    for table in "digests", "verdicts":  # record's id -> ...
        if table in content:
            kept[table] = {each: value for each, value in content[table].items() if each in ids}
    return kept


def _add_roofline(source, target, made):
    """Copy a roofline to where none is: the line that says so."""
    if target.exists():
        return f"kept: the roofline of {target.parent.name} that is here already"
    files.replace(target, source.read_text(encoding="utf-8"))
    made.append(target)
    return f"added: the roofline of {target.parent.name}"


def options(parser):
    """Add the command's options to an argparse parser."""
    parser.add_argument("archive", type=Path, metavar="FILE", help="archive that python -m baselines tour has packed")


def command(args):
    """Take an archive in and say what was done. Returns the exit code 0."""
    lines, machines = add(args.archive, args.storage)
    print("\n".join(lines))
    if not machines:
        print("nothing new")
    where = "" if args.storage == store.folders()[0] else f" --storage={args.storage}"
    print(f"next: python -m baselines compare{where}")
    return 0
