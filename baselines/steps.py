"""The steps of a tour, each in a process that ends within the budget: the device, its roofline, the quick tier, the cells."""

import re
import time
import xml.etree.ElementTree
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import loaders
from baselines import bounded, child, files, machine, plan, store, trials
from baselines.cells import cells
from baselines.roofline import load

NAME = "tour"  # of the session's files
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
        return bounded.run(args, self.left, self.work / "log.txt")


def take(tour):
    """Take all steps."""
    if not _device(tour):
        return
    _roofline(tour)
    _quick(tour)
    _cells(tour)


def _device(tour):
    """Look at the device in a child: whether the tour goes on."""
    start = time.monotonic()
    bounded.say("tour: the device")
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
    bounded.say("tour: the roofline")
    code = tour.run("baselines", "roofline", "--storage", str(tour.storage), "--precision", tour.options.precision)
    with suppress(files.StoreError):
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
    bounded.say("tour: pytest -m quick")
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
    """Train the cells whose data is there, then those whose data can be fetched in a short time."""
    missing = {}  # data set -> why it is not there
    for cell in cells().values():
        if isinstance(cell.data, str) and cell.data not in missing and (why := _missing(cell.data)):
            missing[cell.data] = why
    _train(tour, [cell for cell in cells().values() if cell.data not in missing])
    for data in list(missing):
        if tour.left > MINUTE and "too slow" not in missing.values():
            missing[data] = _fetched(tour, data)
    fetched = [data for data, why in missing.items() if why is None]
    _train(tour, [cell for cell in cells().values() if cell.data in fetched])
    for data, why in missing.items():
        if why:
            count = sum(cell.data == data for cell in cells().values())
            tour.skipped[f"{count} cell{'s' * (count > 1)} of {data}"] = why


def _missing(data):
    """Why a data set is not there, or None."""
    try:
        loaders.find(data, loaders.root_folder())
    except loaders.DataMissing:
        return f"no data; fetch it with: python -m loaders get {data}"
    except loaders.DataError as error:
        return str(error)
    return None


def _train(tour, chosen):
    """Train cells, cheapest first, some a session, until nothing fits any more."""
    chosen = [cell for cell in chosen if not _done(tour, cell)]
    while chosen:
        estimates = _estimates(tour, chosen)
        fitting = plan.fitting(estimates, tour.left)[:BATCH] or _daring(tour, estimates)
        if not fitting:
            break
        start = time.monotonic()
        bounded.say(f"tour: {', '.join(fitting)}, {plan.duration(tour.left)} left")
        junit = tour.work / f"full-{len(tour.rows)}.xml"
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


def _fetched(tour, name):
    """Fetch a data set: None, or why it is not there."""
    bounded.say(f"tour: fetching {name}")
    limit = min(FETCH, tour.left / 4)
    code = bounded.run(("loaders", "get", name), limit, tour.work / "log.txt")
    return {0: None, None: "too slow"}.get(code, f"no data, and it cannot be fetched; see: python -m loaders get {name}")
