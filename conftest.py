"""pytest glue: the options, cells -> tests, one training a cell, storing, and what is said about it.

What it calls lives in baselines/. Nothing here imports Keras before a test needs it.
"""

import atexit
import contextlib
import functools
import gc
import os
import re
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from _pytest.mark.expression import Expression

import loaders
from baselines import plan, progress, store
from baselines.cells import TableError, cells, choose

ROOT = Path(__file__).parent
TIERS = ("quick", "full", "self", "slow")
PRECISIONS = ("float32", "mixed_bfloat16")
PROFILES = {"dev": 2, "ci": 10, "full": 100}  # of hypothesis: inputs that each property is tried on
STATE = pytest.StashKey()  # what the hooks and fixtures of one session tell each other


def pytest_addoption(parser):
    group = parser.getgroup("zoobench", "the suite's own options")
    group.addoption(
        "--data-dir", metavar="DIR", help=f'data directory, one folder a data set, written with "=" (else ${loaders.files.VARIABLE})'
    )
    group.addoption("--model", metavar="NAMES", help="only these models' cells, separated by commas")
    group.addoption("--dataset", metavar="NAMES", help="only these data sets' cells")
    group.addoption("--recipe", metavar="NAMES", help="only these recipes' cells")
    group.addoption("--epochs", type=int, metavar="N", help="train for N epochs, not the recipe's: stored, never judged")
    group.addoption("--seed", type=int, default=0, metavar="N", help="seed of each training (default 0)")
    group.addoption("--precision", default="float32", choices=PRECISIONS, help="what networks compute in (default float32)")
    group.addoption("--save-models", metavar="DIR", type=Path, help="keep each trained network in DIR, for python -m zoo predict")
    group.addoption("--time-budget", metavar="TIME", help="train what fits into 90s, 20m or 1h30m, cheapest first, and name the rest")
    group.addoption("--update-goldens", action="store_true", help="write the goldens that have changed, show how, and fail")
    parser.extra_info["options of this suite"] = " ".join(option for each in group.options for option in each.names())


def pytest_configure(config):
    config.option.markexpr = config.option.markexpr or "quick"  # full must be asked for
    if config.option.benchmark_storage == "file://./.benchmarks":
        # Said here and not in pytest.ini, where it would be relative to the working directory.
        config.option.benchmark_storage = f"file://{ROOT / 'baselines'}"
    if config.pluginmanager.hasplugin("hypothesispytest"):
        _hypothesis_profiles(config.getoption("--hypothesis-profile"))
    config.stash[STATE] = SimpleNamespace(
        gates=1, runs=[], machine=None, estimates={}, deadline=None, complete=False, nothing=None, resumed={}, lost=[]
    )


def _hypothesis_profiles(asked):
    from hypothesis import settings

    if asked and asked not in PROFILES:
        raise pytest.UsageError(f"unknown --hypothesis-profile={asked}; known: {', '.join(PROFILES)}")

    for name, examples in PROFILES.items():
        settings.register_profile(name, max_examples=examples, deadline=None)
    settings.load_profile("dev")  # what hypothesis loads after this, if it is asked to, holds


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session):
    """Refuse what cannot be meant before anything is collected, and before xdist starts its workers."""
    config, state = session.config, session.config.stash[STATE]
    words = _marker_words(config)
    try:
        state.cells = choose(*((config.getoption(name) or "").split(",") for name in ("model", "dataset", "recipe")))
        state.root = loaders.root_folder(config.option.data_dir)
        state.budget = plan.budget(config.option.time_budget) if config.option.time_budget is not None else None
        path = Path(getattr(config._benchmarksession.storage, "path", ""))
        if "full" in words:
            state.runs = store.runs(path)
        else:  # hundreds of networks are built, and looking for cycles among their layers was a quarter of the time
            gc.set_threshold(50_000, 20, 20)
            atexit.register(gc.freeze)  # nor is it worth more than a second when the process ends, and all is thrown away
    except (ValueError, TableError, loaders.DataError, store.StoreError) as error:
        raise pytest.UsageError(str(error)) from error
    if (config.option.epochs is not None and config.option.epochs < 1) or config.option.seed < 0:
        raise pytest.UsageError("--epochs must be at least 1 and --seed at least 0")
    if (folder := config.option.save_models) and not (folder.is_dir() and os.access(folder, os.W_OK)):
        raise pytest.UsageError(f"--save-models={folder}: no folder that can be written to; make it first")
    if name := config.option.benchmark_save:
        if not store.NAME.fullmatch(name):
            raise pytest.UsageError(f"--benchmark-save={name!r}: a name holds letters, digits and . _ - alone")
        if not path.is_dir() or not os.access(path, os.W_OK):
            raise pytest.UsageError(f"--benchmark-storage={config.option.benchmark_storage}: no folder that can be written to")
    store.journal(config._benchmarksession.storage)


def _marker_words(config):
    """The names in -m; a UsageError where one is no marker, or where it cannot be read."""
    known = [re.split(r"[:(]", line)[0].strip() for line in config.getini("markers")]
    try:
        Expression.compile(config.option.markexpr)
    except SyntaxError as error:
        raise pytest.UsageError(f"-m {config.option.markexpr!r} cannot be read: {error}") from error
    words = set(re.findall(r"[^\W\d]\w*", re.sub(r"\([^()]*=[^()]*\)", "", config.option.markexpr))) - {"and", "or", "not"}
    for word in words - set(known):
        others = ", ".join(sorted(set(known) - set(TIERS)))
        raise pytest.UsageError(f"unknown marker {word!r} in -m; known: {', '.join(TIERS)} (and of pytest and its plugins: {others})")
    return words


def pytest_generate_tests(metafunc):
    """Each test that asks for a run is asked of every chosen cell; one of the quick tier, of the quick cells."""
    if "run" in metafunc.fixturenames:
        quick = metafunc.definition.get_closest_marker("quick")
        chosen = [cell.id for cell in metafunc.config.stash[STATE].cells if cell.quick or not quick]
        metafunc.parametrize("cell", chosen, indirect=True, scope="session")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """One tier a test; after -m and -k: never nothing, of each cell the timed test first, and what else is slow last."""
    every = list(items)
    for item in every:
        tiers = [tier for tier in TIERS if item.get_closest_marker(tier)]
        if len(tiers) != 1:
            raise pytest.UsageError(f"{item.nodeid} has {len(tiers)} tiers; mark it with one of {', '.join(TIERS)}")
    yield
    if every and not items and not hasattr(config, "workerinput"):
        full = config.option.markexpr == "quick" and all(item.get_closest_marker("full") for item in every)
        hint = "they are all of the full tier: ask for it with -m full" if full else "-m and -k leave none of them"
        raise pytest.UsageError(f"{len(every)} tests were named, but {hint}")
    trained = [item for item in items if item.get_closest_marker("full") and "run" in item.fixturenames]
    if trained:
        _plan(config, trained)
        order = {cell: place for place, cell in enumerate(config.stash[STATE].order)}
        rest = [item for item in items if item not in trained]
        slow = [item for item in rest if item.get_closest_marker("full")]  # leaves memory behind, which a cell would be charged with
        trained.sort(key=lambda item: (order[item.callspec.params["cell"]], "benchmark" not in item.fixturenames))
        items[:] = [item for item in rest if item not in slow] + trained + slow


def _plan(config, trained):
    """Estimate and order the cells that are going to be trained, and count the gates that share the false alarms."""
    state = config.stash[STATE]
    ids = list(dict.fromkeys(item.callspec.params["cell"] for item in trained))
    state.order = ids
    if config.option.collectonly:
        return
    from baselines import machine, roofline

    machine.import_keras()
    machine.compute_in(config.option.precision)
    state.machine = machine.name()
    try:
        roofline.load(Path(getattr(config._benchmarksession.storage, "path", "")) / state.machine)
    except store.StoreError as error:
        raise pytest.UsageError(str(error)) from error
    # The folder is pytest-benchmark's, and its name has no hook.
    config._benchmarksession.machine_id = config._benchmarksession.storage.default_machine_id = state.machine
    judged = {run.cell for run in state.runs if run.accepted and run.machine == state.machine}
    state.gates = sum(item.callspec.params["cell"] in judged for item in trained)
    state.estimates = {cell: plan.estimate(cells()[cell], state.machine, state.runs, config.option.epochs) for cell in ids}
    if state.budget is not None:
        state.order = plan.cheapest_first(state.estimates)
        state.deadline = time.monotonic() + state.budget


def pytest_report_collectionfinish(config, items):
    state = config.stash[STATE]
    if not state.machine:
        return None
    from baselines import machine

    lines = [f"{state.machine}: {line}" for line in plan.announcement(state.estimates, state.budget)]
    name, like = config.option.benchmark_save, (config.option.seed, config.option.epochs)
    there = {run.cell for run in state.runs if name == run.name and (run.sample["seed"], run.sample["epochs_option"]) == like}
    if there := there & state.estimates.keys():
        lines.append(f"stored as {name} before, and trained again only if code, data or libraries have changed: {', '.join(sorted(there))}")
    if not machine.gpu():
        lines.append("no GPU found: this is a CPU's run")
    if _saves(config) and not any("benchmark" in item.fixturenames for item in items):
        lines.append("NOTHING WILL BE STORED: --benchmark-save stores timed tests, and test_epoch_time is not selected")
    return lines


def _saves(config):
    return config._benchmarksession.save or config._benchmarksession.autosave


def pytest_report_header(config):
    benchmarks = config._benchmarksession
    if _saves(config) and (benchmarks.disabled or benchmarks.skip):
        why = "--benchmark-skip" if benchmarks.skip else "--benchmark-disable or -n"
        return f"NOTHING WILL BE STORED: --benchmark-save has no effect with {why}"
    return None


@pytest.fixture(scope="session")
def cell(request):
    """The Cell that a test is asked of."""
    return cells()[request.param]


@pytest.fixture(scope="session")
def data_root(pytestconfig):
    """The data directory."""
    return pytestconfig.stash[STATE].root


@pytest.fixture(scope="session")
def run(cell, data_root, pytestconfig, limits):
    """The cell, trained once for all tests that ask: what baselines.run.run returns."""
    from baselines import machine
    from baselines import run as training_run
    from zoo import WeightsMissing

    state, option = pytestconfig.stash[STATE], pytestconfig.option
    full, needs = state.machine is not None, state.estimates.get(cell.id)
    left = state.deadline and state.deadline - time.monotonic()
    started = plan.fits(needs, left)
    download = full and started and progress.fetching(pytestconfig)  # the quick tier never asks the network for data
    file = _network_file(option, cell)
    try:
        if full:
            machine.compute_in(option.precision)  # which clearing the session forgets
        wanted = store.plain(training_run.identity(cell, option.seed, data_root, option.epochs, download))
        found = full and training_run.stored(wanted, option.benchmark_save, state.machine, machine.info(), state.runs)
        if found and (file is None or file.exists()):
            state.resumed[cell.id] = found
            yield found.sample
            return
        if not started:
            pytest.skip(f"time budget: needs {plan.duration(needs) if needs else 'an unknown time'}, {plan.duration(max(left, 0))} left")
        keep = file and functools.partial(_keep, state, file)
        sample = training_run.run(cell, wanted, data_root, progress.line(pytestconfig, cell.id), keep)
    except loaders.DataMissing as error:
        pytest.skip(str(error))
    except loaders.DataError as error:
        pytest.fail(str(error), pytrace=False)
    except WeightsMissing as error:
        pytest.skip(str(error))
    if full:
        sample["efficiency"] = training_run.epochs_efficiency(sample, limits())
    yield store.plain(sample)
    if "keras" in sys.modules:
        sys.modules["keras"].backend.clear_session()


def _network_file(option, cell):
    """The file that a cell's trained network is kept in; None without --save-models."""
    if option.save_models is None:
        return None
    epochs = f"-{option.epochs}epochs" if option.epochs else ""
    return option.save_models / f"{cell.id}-{option.precision}-{option.seed}{epochs}.keras"


def _keep(state, file, model, classes):
    """Keep a trained network; what it has taught counts even where it cannot be kept."""
    from zoo import saved

    try:
        saved.save(model, classes, file)
    except Exception as error:
        state.lost.append(f"NOT SAVED: {file}: {error}")


@pytest.fixture(scope="session")
def limits(pytestconfig):
    """A function that returns this machine's measured roofline, or None where none is stored and nothing is going to be."""
    state = pytestconfig.stash[STATE]

    def measured():
        from baselines import roofline

        folder = Path(pytestconfig._benchmarksession.storage.path) / state.machine
        try:
            return roofline.current(folder)[0] if _saves(pytestconfig) else roofline.load(folder)
        except Exception as error:  # whatever it is, there is a training behind us that it must not take along
            state.lost.append(f"no share of the peak: {error or type(error).__name__}")
            return None

    return functools.cache(measured)


@pytest.fixture
def judged(run, cell, pytestconfig, record_property):
    """A function of 'accuracy' or 'seconds' that returns the run's Verdict, and has it in the summary."""
    from baselines import judge, machine
    from baselines.run import said_of

    def verdict(what):
        state = pytestconfig.stash[STATE]
        accepted = judge.baseline(run, state.machine, state.runs)
        given = judge.accuracy(run, accepted, state.gates, cell.floor) if what == "accuracy" else judge.seconds(run, accepted, state.gates)
        changed = judge.changes(run, machine.info(), accepted)
        said = f"{cell.id} {given}" + (f"; changed since: {', '.join(changed)}" if changed else "")
        if what == "seconds" and run["train_seconds"]:
            said += f"; {said_of(run['efficiency'])}"
        record_property("verdict", said)
        again = f"pytest -m full --model {cell.model} --dataset {cell.dataset} --recipe {cell.recipe_name} --seed {run['seed']}"
        return given._replace(why=f"{said}\n  rerun it:  {again}\n  if it is meant: python -m baselines accept --reason '...'")

    return verdict


@pytest.fixture
def store_now(pytestconfig):
    """A function that writes what has been measured so far, so that nothing later can lose it."""

    def store():
        if _saves(pytestconfig):
            pytestconfig._benchmarksession.handle_saving()
            if error := pytestconfig._benchmarksession.storage.failed:
                pytest.fail(f"cannot be stored: {error}; make room and run the cell again", pytrace=False)

    return store


def pytest_benchmark_generate_machine_info(config):
    from baselines import machine

    return machine.info()


@functools.cache
def _commit():
    from pytest_benchmark.utils import get_commit_info

    with contextlib.chdir(ROOT):
        return get_commit_info()


def pytest_benchmark_generate_commit_info(config):
    return _commit()


def pytest_benchmark_update_json(config, benchmarks, output_json):
    """Say whether the session has ended; leave out a cell that Ctrl-C met while its epochs were replayed, or that was stored before."""
    output_json["complete"] = config.stash[STATE].complete
    output_json["benchmarks"] = [
        entry
        for entry in output_json["benchmarks"]
        if entry["stats"]["rounds"] == max(1, len(entry["extra_info"].get("train_seconds", range(entry["stats"]["rounds"]))))
        and entry["extra_info"].get("cell") not in config.stash[STATE].resumed
    ]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session, exitstatus):
    """Before pytest-benchmark saves for the last time: whether the session ran to its end; and nothing never passes."""
    state = session.config.stash[STATE]
    state.complete = exitstatus in (0, 1) and not (session.shouldstop or session.shouldfail)
    if state.lost and not exitstatus:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:  # as under -n, where only the workers collect
        session.exitstatus = pytest.ExitCode.USAGE_ERROR
        state.nothing = "no test was left to run: full must be asked for with -m full; see -k, -m and the paths"
    return (yield)


def pytest_terminal_summary(terminalreporter, config):
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, [])]
    verdicts = [value for report in reports for name, value in report.user_properties if name == "verdict" and report.when == "call"]
    storage, state = config._benchmarksession.storage, config.stash[STATE]
    lines = [*verdicts, *(f"stored in {path}" for path in getattr(storage, "stored", []))]
    for cell, found in state.resumed.items():
        untimed = "" if found.sample["train_seconds"] else " (without its times: others shared the machine; another name trains it again)"
        lines.append(f"{cell} was trained before, with the same code, data and libraries: {found.file}{untimed}")
    lines += state.lost
    if getattr(storage, "failed", None):
        lines.append(f"NOT STORED, or not all: {storage.failed}")
    skipped = terminalreporter.stats.get("skipped", [])
    untrained = {report.nodeid.partition("[")[2] for report in skipped} - {report.nodeid.partition("[")[2] for report in reports}
    if untrained and state.machine:
        lines.append(f"cells not trained: {len(untrained)}, for the reasons in the summary of skipped tests")
    if state.nothing:
        lines.append(f"ERROR: {state.nothing}")
    if lines:
        terminalreporter.section("verdicts")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Under -n, the tests of one cell go to one worker, so that it is trained once."""
    from xdist.scheduler import LoadScopeScheduling

    scheduling = LoadScopeScheduling(config, log)
    scheduling._split_scope = lambda nodeid: nodeid.partition("[")[2] or nodeid
    return scheduling
