"""A GPU's first half hour in one command: is the device used, how fast is it, do the tests pass, how do the cells fare?

Every step is a process of its own that ends within the budget; what was stored is packed into one archive at the end, also
after Ctrl-C or a failure. ``python -m baselines add`` takes the archive in on another machine.
"""

import datetime
import os
import re
import shutil
import tempfile
import time
import xml.etree.ElementTree
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tabulate import tabulate

import loaders
from baselines import child, machine, pack, plan, steps, store, trials
from baselines.cells import cells
from baselines.roofline import load

NAME = "tour"  # of the session's files
ROOM = 200 << 20  # bytes that must be free
RESERVE = 10  # seconds of the budget for packing
QUICK = 45  # seconds under which the quick tier is not begun; it may take half of what is left
BATCH = 4  # cells a session, after which the estimates are made anew
GUESS = 40  # seconds of a cell that nothing is known of and that needs no data
MINUTE = 60  # seconds
SHOWN = 5  # cells that are named where many were not trained
FETCH = 60  # seconds that a data set may take to fetch


@dataclass
class Tour:
    """What the steps share."""

    options: object  # argparse's
    deadline: float  # of time.monotonic
    work: Path  # folder of the log and of pytest's JUnit files
    storage: Path
    machine: str = "unknown"
    gpu: bool = False
    rows: list[list] = field(default_factory=list)  # step, what came of it, seconds
    skipped: dict[str, str] = field(default_factory=dict)  # cells -> why they were not trained
    failed: bool = False
    next: str | None = None  # the command to type next, where it is not the usual one

    @property
    def left(self):
        """Seconds that the steps may still take."""
        return self.deadline - time.monotonic()

    def note(self, step, text, start, failed=False):
        self.rows.append([step, text, f"{time.monotonic() - start:.0f} s"])
        self.failed |= failed

    def run(self, *args):
        """Run ``python -m ARGS`` until it ends or the time is over: its exit code, or None where it was stopped."""
        return steps.run(args, self.left, self.work / "log.txt")


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
        raise store.StoreError(str(error)) from error
    os.environ[loaders.files.VARIABLE] = str(root)  # for every step
    deadline = time.monotonic() + budget - min(RESERVE, budget / 4)
    storage, home = _writable(args.storage.resolve()), Path.cwd()
    home = home if os.access(home, os.W_OK) else Path(tempfile.gettempdir())
    for folder in {home, storage or home}:
        if (free := shutil.disk_usage(folder).free) < ROOM:
            raise store.StoreError(f"{folder}: {free >> 20} MB are free, and a tour needs {ROOM >> 20}; make room or start it elsewhere")
    work = Path(tempfile.mkdtemp(prefix=".tour-", dir=home))
    tour = Tour(args, deadline, work, storage or work / pack.FOLDER)
    tour.storage.mkdir(exist_ok=True)
    stopped = False
    try:
        with steps.ended_by_signals():
            _steps(tour)
    except KeyboardInterrupt:
        stopped = True
        tour.note("stopped", "by Ctrl-C or a signal; what there is was packed", time.monotonic())
    except Exception as error:  # what was measured until now is packed all the same
        tour.note("failed", f"{type(error).__name__}: {' '.join(str(error).split())[:300]}", time.monotonic(), failed=True)
    with steps.signals_ignored():
        archive = _packed(tour, home)
    _report(tour, archive)
    return 1 if tour.failed or stopped else 0


def _writable(storage):
    """The storage, or None where it cannot be written to: records then go to the archive alone."""
    return storage if storage.is_dir() and os.access(storage, os.W_OK) else None


def _steps(tour):
    if not _device(tour):
        return
    _roofline(tour)
    _quick(tour)
    _cells(tour)


def _device(tour):
    """Look at the device in a child: whether the tour goes on."""
    start = time.monotonic()
    steps.say("tour: the device")
    try:
        told = child.answer("device", "--precision", tour.options.precision, timeout=max(tour.left, 1))
    except child.ChildError as error:
        tour.note("device", f"{machine.backend()} cannot be used: {error}", start, failed=True)
        tour.next = "install a backend: tox -e gpu-jax, or tox -e gpu for TensorFlow"
        return False
    tour.machine, tour.gpu = told["folder"], bool(told["info"].get("gpu"))
    tour.note("device", "; ".join(told["lines"]), start, failed=bool(told["problem"]))
    if told["problem"]:
        tour.note("device", told["problem"], start)
        tour.next = told["next"]
    return not told["problem"]


def _roofline(tour):
    start = time.monotonic()
    steps.say("tour: the roofline")
    code = tour.run("baselines", "roofline", "--storage", str(tour.storage), "--precision", tour.options.precision)
    with suppress(store.StoreError):
        if code == 0 and (found := load(tour.storage / tour.machine)):
            peak, memory = found["matmul_float32_flops_per_second"]["best"] / 1e12, found["memory_bytes_per_second"]["best"] / 1e9
            shared = "; too low, since other programs kept the machine busy" if found["shared"] else ""
            tour.note("roofline", f"float32 {peak:.3g} TFLOP/s, memory {memory:.3g} GB/s{shared}", start)
            return
    tour.note(
        "roofline", "stopped: the time was over" if code is None else f"failed with exit code {code}: see the log", start, failed=True
    )


def _quick(tour):
    start, deadline = time.monotonic(), tour.deadline
    if tour.left / 2 < QUICK:
        tour.note("quick", f"skipped: half of what was left, {max(tour.left, 0) / 2:.0f} s, is too little for it", start)
        return
    steps.say("tour: pytest -m quick")
    tour.deadline = start + tour.left / 2
    junit = tour.work / "quick.xml"
    code = tour.run("pytest", "-m", "quick", "-q", f"--junitxml={junit}")
    tour.deadline = deadline
    passed, failures = _junit(junit)
    names = f": {', '.join(list(failures)[:3])}{' ...' if len(failures) > 3 else ''}" if failures else ""
    ended = "" if code is not None else f"; stopped after {_share(tour.work / 'log.txt')}, since it may take half of the time that is left"
    tour.note("quick", f"{passed} passed, {len(failures)} failed{names}{ended}", start, failed=code not in (0, None))


def _share(log):
    """How far pytest came, as it last said so in the log."""
    with suppress(OSError):
        if shares := re.findall(r"\[ *(\d+%)\]", log.read_text(encoding="utf-8", errors="replace")):
            return f"{shares[-1]} of the tests"
    return "no test"


def _junit(path):
    """(number of tests that passed, test -> first line of what failed) of a JUnit file; nothing of a missing one."""
    try:
        found = xml.etree.ElementTree.parse(path).iter("testcase")
    except (OSError, xml.etree.ElementTree.ParseError):
        return 0, {}
    passed, failures = 0, {}
    for case in found:
        problems = [each for each in case if each.tag in ("failure", "error")]
        passed += not [each for each in case if each.tag in ("failure", "error", "skipped")]
        for each in problems:
            failures[case.get("name")] = (each.get("message") or "").splitlines()[0][:200] if each.get("message") else ""
    return passed, failures


def _cells(tour):
    """Train cells, cheapest first, some a session, until nothing fits any more."""
    chosen = _with_data(tour, list(cells().values()))
    chosen = [cell for cell in chosen if not _done(tour, cell)]
    for number in range(1, len(chosen) + 1):
        estimates = _estimates(tour, chosen)
        fitting = plan.fitting(estimates, tour.left)[:BATCH] or _daring(tour, estimates)
        if not fitting:
            break
        start = time.monotonic()
        steps.say(f"tour: {', '.join(fitting)}, {plan.duration(tour.left)} left")
        junit = tour.work / f"full-{number}.xml"
        tests = [f"tests/test_{test}.py::test_{test}[{cell}]" for cell in fitting for test in ("epoch_time", "accuracy")]
        stored = [f"--benchmark-save={NAME}", f"--benchmark-storage=file://{tour.storage}", f"--precision={tour.options.precision}"]
        limit = f"--cell-timeout={max(int(tour.left), 1)}s"
        code = tour.run("pytest", "-m", "full", "-q", *stored, limit, f"--junitxml={junit}", *tests)
        _, failures = _junit(junit)
        for cell in fitting:
            problem = next((why for test, why in failures.items() if f"[{cell}]" in test), None)
            done = _done(tour, cells()[cell])
            missing = "stopped: the time was over" if code is None else "not trained: see the log"
            tour.note("full", f"{cell}: {done or missing}{f'; {problem}' if problem else ''}", start, failed=bool(problem))
        if code not in (0, 1, None) and not failures:
            tour.note("full", f"pytest ended with exit code {code}: see the log", start, failed=True)
        chosen = [cell for cell in chosen if cell.id not in fitting]
    if chosen:
        estimates = _estimates(tour, chosen)
        names = [f"{each} ({plan.duration(estimates[each]) if estimates[each] else 'unknown'})" for each in plan.cheapest_first(estimates)]
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        tour.skipped[", ".join(names[:SHOWN]) + more] = f"more than the {plan.duration(max(tour.left, 0))} that were left"


def _daring(tour, estimates):
    """On a GPU, one cell that does not fit, while a minute is left: estimates from CPUs are too long, and whatever fails costs nothing."""
    return plan.cheapest_first(estimates)[:1] if tour.gpu and tour.left > MINUTE else []


def _estimates(tour, chosen):
    """Cell's id -> seconds that its training will take, or None; a cell without data of its own is tried on a guess."""
    stored = store.every(tour.storage)
    found = {cell.id: plan.estimate(cell, tour.machine, stored) for cell in chosen}
    return {name: GUESS if seconds is None and cells()[name].data == "digits" else seconds for name, seconds in found.items()}


def _done(tour, cell):
    """What a record of this tour, or of an earlier one with the same code, says of a cell; None without one."""
    for each in reversed(store.records(tour.storage)):
        if (each.machine, each.name, each.cell) == (tour.machine, NAME, cell.id) and trials.same(each.record, cell):
            speed = each.record["images_per_second"]
            return f"accuracy {each.record['accuracy']:.4f}" + (f", {speed:,.0f} images/s" if speed else ", without times")
    return None


def _with_data(tour, chosen):
    """The cells whose data is there, or can be fetched in a short time; the reason of each other one is noted."""
    reasons = {}
    for cell in chosen:
        if cell.data in reasons or tour.left < 0:
            continue
        reasons[cell.data] = None
        try:
            if isinstance(cell.data, str):
                loaders.find(cell.data, loaders.root_folder())
        except loaders.DataError as error:
            reasons[cell.data] = str(error)
            if isinstance(error, loaders.DataMissing) and "too slow" not in reasons.values():
                reasons[cell.data] = _fetched(tour, cell.data)
    tour.skipped |= {cell.id: f"no data: {reasons[cell.data]}" for cell in chosen if reasons.get(cell.data)}
    return [cell for cell in chosen if not reasons.get(cell.data)]


def _fetched(tour, name):
    """Fetch a data set: None, or why it is not there."""
    steps.say(f"tour: fetching {name}")
    limit = min(FETCH, tour.left / 4)
    code = steps.run(("loaders", "get", name), limit, tour.work / "log.txt")
    return {0: None, None: "too slow"}.get(code, f"cannot be fetched; try python -m loaders get {name}")


def _packed(tour, home):
    """Pack what there is: the archive's Path, or None where it cannot be written."""
    folder, files = tour.storage / tour.machine, {}
    root = f"{NAME}-{tour.machine}-{datetime.date.today().isoformat()}"
    (tour.work / "summary.txt").write_text(_table(tour), encoding="utf-8")
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        match = store.FILE.fullmatch(path.name)
        if path.name == store.ROOFLINE or (match and match["name"] == NAME):
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
    steps.say(f"\n{_table(tour)}")
    if archive:
        steps.say(f"packed into {archive}")
    steps.say(f"next: {tour.next or f'on the machine that keeps the records: python -m baselines add {archive.name}'}")
