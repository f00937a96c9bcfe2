"""A GPU's first half hour in one command: is the device used, how fast is it, do the tests pass, how do the cells fare?

Every step is a process of its own that ends within the budget; what was stored is packed into one archive at the end, also
after Ctrl-C or a failure. ``python -m baselines add`` takes the archive in on another machine.
"""

import datetime
import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from tabulate import tabulate

import loaders
from baselines import bounded, files, machine, pack, plan, signals, steps, store

ROOM = 200 << 20  # bytes that must be free
RESERVE = 10  # seconds of the budget for packing


def options(parser):
    """Add the command's options to an argparse parser."""
    parser.add_argument("--budget", required=True, metavar="TIME", help="how long it may take in all: 90s, 20m, 1h30m")
    parser.add_argument("--precision", default="float32", choices=machine.PRECISIONS, help="dtype policy (default: %(default)s)")
    parser.add_argument("--data-dir", metavar="DIR", help=f"data directory (else ${loaders.files.VARIABLE}, else {loaders.files.DEFAULT})")


def command(args):
    """Make the tour. Returns the exit code: 0, 1 where a step failed or was stopped, 2 where it cannot begin."""
    try:
        budget, root = plan.budget(args.budget), loaders.root_folder(args.data_dir)
    except (ValueError, loaders.DataError) as error:
        raise files.StoreError(str(error)) from error
    if root.is_dir():  # the default one may not be there yet
        os.environ[loaders.files.VARIABLE] = str(root)  # for every step
    deadline = time.monotonic() + budget - min(RESERVE, budget / 4)
    storage, home = _writable(args.storage.resolve()), Path.cwd()
    home = home if os.access(home, os.W_OK) else Path(tempfile.gettempdir())
    for folder in {home, storage or home}:
        if (free := shutil.disk_usage(folder).free) < ROOM:
            raise files.StoreError(f"{folder}: {free >> 20} MB are free, and a tour needs {ROOM >> 20}; make room or start it elsewhere")
    work = Path(tempfile.mkdtemp(prefix=".tour-", dir=home))
    tour = steps.Tour(args, deadline, work, storage or work / pack.FOLDER)
    tour.storage.mkdir(exist_ok=True)
    stopped = False
    try:
        with signals.ended_by_signals():
            steps.take(tour)
    except KeyboardInterrupt:
        stopped = True
        tour.note("stopped", "by Ctrl-C or a signal; what there is was packed", time.monotonic())
    except Exception as error:  # what was measured until now is packed all the same
        tour.note("failed", f"{type(error).__name__}: {' '.join(str(error).split())[:300]}", time.monotonic(), failed=True)
    with signals.signals_ignored():
        archive = _packed(tour, home)
    _report(tour, archive)
    return 1 if tour.failed or stopped else 0


def _writable(storage):
    """The storage, or None where it cannot be written to: records then go to the archive alone."""
    return storage if storage.is_dir() and os.access(storage, os.W_OK) else None


def _packed(tour, home):
    """Pack what there is: the archive's Path, or None where it cannot be written."""
    folder, files = tour.storage / tour.machine, {}
    root = f"{steps.NAME}-{tour.machine}-{datetime.date.today().isoformat()}"
    with suppress(OSError):  # a full disk
        (tour.work / "summary.txt").write_text(_table(tour), encoding="utf-8")
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        match = store.FILE.fullmatch(path.name)
        if path.name == store.ROOFLINE or (match and match["name"] == steps.NAME):
            files[f"{root}/{pack.FOLDER}/{tour.machine}/{path.name}"] = path
    files |= {f"{root}/{path.name}": path for path in sorted(tour.work.iterdir()) if path.is_file()}
    for target in dict.fromkeys((home, Path(tempfile.gettempdir()))):
        try:
            archive = pack.pack(files, target / f"{root}.tar.gz")
        except OSError as error:
            tour.note("archive", f"{target}: {error}", time.monotonic(), failed=True)
            continue
        shutil.rmtree(tour.work, ignore_errors=True)
        return archive
    tour.next = f"make room, and keep {tour.work} and {folder}: they hold what was measured"
    return None


def _table(tour):
    text = tabulate(tour.rows, ["step", "what came of it", "time"], maxcolwidths=[None, 100, None])
    if tour.skipped:
        reasons = {}
        for cell, why in tour.skipped.items():
            reasons.setdefault(why, []).append(cell)
        text += "\n\nskipped:\n" + "\n".join(f"  {', '.join(names)}: {why}" for why, names in reasons.items())
    return text + "\n"


def _report(tour, archive):
    bounded.say(f"\n{_table(tour)}")
    if archive:
        bounded.say(f"packed into {archive}")
    bounded.say(f"next: {tour.next or f'on the machine that keeps the records: python -m baselines add {archive.name}'}")
