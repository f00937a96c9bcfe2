"""What a user can ask pytest for: the suite's options, tiers and hypothesis profiles, read and checked before anything is trained."""

import os
import re
import warnings
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest
from _pytest.mark.expression import Expression

import loaders
from baselines import figures, machine, plan, store
from baselines.cells import Cell, choose
from loaders import user
from zoo import project, settings

ROOT = Path(__file__).parent.parent
TIERS = ("quick", "full", "self", "slow")
PROFILES = {"dev": 2, "ci": 10, "full": 100}  # of hypothesis: inputs that each property is tried on
BENCHMARK_DEFAULT = "file://./.benchmarks"  # pytest-benchmark's storage, unless told otherwise


@dataclass
class Options:
    """What the user asked for, checked."""

    cells: list[Cell]
    seeds: list[int] | None  # None: one for each cell, plan.seed
    epochs: int | None
    precision: str
    root: Path | None  # the data directory
    save_models: Path | None
    figures: Path | None
    budget: float | None  # seconds for all trainings
    timeout: float | None  # seconds for one training
    name: str | None  # of the session's file; None: nothing is stored
    storage: Path
    resume: bool  # go on with a session of that name that did not end
    strict: bool  # a verdict that sees nothing fails


def add(parser):
    """The options, in pytest's --help under a heading of their own."""
    group = parser.getgroup("zoobench", "the suite's own options")
    option = group.addoption
    folder = {"metavar": "DIR", "type": user.path}
    option("--project", **folder, help=f'folder of your own models, cells and records, written with "=" (else ${project.VARIABLE})')
    text = f"data directory with a folder per data set; write --data-dir=DIR (else ${loaders.files.VARIABLE})"
    option("--data-dir", **folder, help=text)
    option("--model", metavar="NAMES", help="only cells of these models, separated by commas")
    option("--dataset", metavar="NAMES", help="only cells of these data sets")
    option("--recipe", metavar="NAMES", help="only cells of these recipes")
    option("--seeds", "--seed", metavar="SEEDS", help="seeds of the trainings, as 3, 1-5 or 1,3,7 (default: chosen for each cell)")
    option("--epochs", type=int, metavar="N", help="train for N epochs instead of the recipe's; such records are stored but not judged")
    option("--precision", default="float32", choices=machine.PRECISIONS, help="dtype policy of the networks (default float32)")
    option("--save-models", **folder, help='keep each trained network in DIR (written with "="), for python -m zoo predict')
    option("--figures", **folder, help='draw curves, answers and confusion matrices to DIR (written with "="; needs matplotlib)')
    option("--time-budget", metavar="TIME", help="train the cells that fit into TIME (90s, 20m, 1h30m), cheapest first; list the others")
    option("--cell-timeout", metavar="TIME", help="fail a cell whose training takes longer than TIME (90s, 20m, 1h30m)")
    option("--resume", action="store_true", help="go on with the last session of that --benchmark-save=NAME, if it did not end")
    option("--strict-baselines", action="store_true", help="fail also where a loss would not be seen, as without accepted records")
    option("--verdict-details", action="store_true", help="show how each verdict came about")
    option("--update-goldens", action="store_true", help="write the goldens that have changed, show the changes, and fail once")
    parser.extra_info["options of this suite"] = " ".join(name for each in group.options for name in each.names())
    if "-n" not in parser.optparser._option_string_actions:  # as with -p no:xdist; pytest.ini names these two
        group._addoption("-n", metavar="N", help="no effect without pytest-xdist: one process runs all tests")  # addoption takes no -n
        option("--no-loadscope-reorder", action="store_true", help="no effect without pytest-xdist")


def set_defaults(config):
    """Set the defaults: the quick tier, the storage of the project or the suite, few inputs for each property."""
    try:
        settings.check_platform()
    except settings.SettingsError as error:
        raise pytest.UsageError(str(error)) from error
    _refuse(config)
    _check_reports(config)
    config.option.markexpr = config.option.markexpr or "quick"  # the full tier needs -m full
    if config.option.project:
        os.environ[project.VARIABLE] = os.path.abspath(config.option.project)  # which reaches trainings and xdist's workers, too
    storage = config.option.benchmark_storage.removeprefix("file://")
    try:
        if config.option.benchmark_storage == BENCHMARK_DEFAULT:
            # Here and not in pytest.ini, where it would be relative to the working directory.
            storage = store.folders()[0]
        if "://" not in str(storage):  # otherwise it is Elasticsearch's
            config.option.benchmark_storage = f"file://{user.path(storage)}"
    except ValueError as error:
        raise pytest.UsageError(str(error)) from error
    if config.pluginmanager.hasplugin("hypothesispytest"):
        _hypothesis_profiles(config.getoption("--hypothesis-profile"))


def _refuse(config):
    """A UsageError for what would check nothing, or fail after the last training."""
    if not __debug__:  # pytest keeps the assertions of test modules only, not those of what they import
        raise pytest.UsageError("python -O drops assertions, which tests rely on: leave it out, and unset PYTHONOPTIMIZE")
    if not config.pluginmanager.hasplugin("benchmark"):
        raise pytest.UsageError("the suite needs pytest-benchmark: leave out -p no:benchmark, or: pip install pytest-benchmark")
    if config.option.benchmark_compare or config.option.benchmark_compare_fail:
        advice = "leave it out, and compare stored ones with: python -m baselines compare"
        raise pytest.UsageError(f"--benchmark-compare: each session judges its own records, with known error rates; {advice}")
    if config.option.benchmark_histogram and not find_spec("pygal"):
        raise pytest.UsageError("--benchmark-histogram needs pygal; install it with: pip install pytest-benchmark[histogram]")
    if "full" in config.option.markexpr and config.getoption("forked", False):
        raise pytest.UsageError("--forked: a cell would be trained anew for each of its tests, which do not share a process; leave it out")


def _check_reports(config):
    """Make the folders of the reports that pytest and pytest-benchmark write at the end; a UsageError where one cannot be written."""
    for name in "--junitxml", "--benchmark-json", "--benchmark-histogram", "--benchmark-cprofile-dump":
        given = config.getoption(name, None) or []
        for path in map(Path, given if isinstance(given, list) else [given]):
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                writable = os.access(path if path.exists() else path.parent, os.W_OK) and not path.is_dir()
            except OSError:
                writable = False
            if not writable:
                raise pytest.UsageError(f"{name}={path}: cannot be written; name another file")


def _hypothesis_profiles(wanted):
    from hypothesis import settings
    from hypothesis.errors import HypothesisWarning

    if wanted and wanted not in PROFILES:
        raise pytest.UsageError(f"unknown --hypothesis-profile={wanted}; known: {', '.join(PROFILES)}")
    with warnings.catch_warnings():  # where the checkout cannot be written to, failing examples are kept in memory
        warnings.simplefilter("ignore", HypothesisWarning)
        database = settings.default.database
    for name, examples in PROFILES.items():
        settings.register_profile(name, max_examples=examples, deadline=None, database=database)
    settings.load_profile("dev")  # hypothesis loads a profile of the command line after this


def workers(config):
    """Worker processes of -n auto; 0 for the full tier, tests named on the command line, -s, and a machine with a GPU."""
    named = config.args_source is not config.ArgsSource.TESTPATHS
    if "full" in (config.option.markexpr or "") or named or config.option.capture == "no" or machine.accelerated():
        return 0
    return max(1, min(int(machine.processor()["cores"]), 4))


def markers(config):
    """The markers in -m; a UsageError where one is unknown, or where it cannot be read."""
    known = [re.split(r"[:(]", line)[0].strip() for line in config.getini("markers")]
    try:
        Expression.compile(config.option.markexpr)
    except SyntaxError as error:
        raise pytest.UsageError(f"-m {config.option.markexpr!r} cannot be read: {error}") from error
    found = set(re.findall(r"[^\W\d]\w*", re.sub(r"\([^()]*=[^()]*\)", "", config.option.markexpr))) - {"and", "or", "not"}
    for name in found - set(known):
        others = ", ".join(sorted(set(known) - set(TIERS)))
        raise pytest.UsageError(f"unknown marker {name!r} in -m; known: {', '.join(TIERS)} (and of pytest and its plugins: {others})")
    return found


def unread(path, config):
    """Whether a folder need not be collected: tests/self, where -m cannot select any of its tests."""
    return path == ROOT / "tests" / "self" and not re.search(r"\b(self|slow|not)\b", config.option.markexpr)


def check_tiers(items):
    """A UsageError where a test has not exactly one tier; a plugin's own kind of test has none."""
    for item in items:
        if not isinstance(item, pytest.Function):
            continue
        tiers = [tier for tier in TIERS if item.get_closest_marker(tier)]
        if len(tiers) != 1:
            raise pytest.UsageError(f"{item.nodeid} has {len(tiers)} tiers; mark it with one of {', '.join(TIERS)}")


def trains(item):
    """Whether a test uses a record; a plugin's own kind of test, such as a check of a file's style, has no fixtures."""
    return "record" in getattr(item, "fixturenames", ())


def unshuffle(collected, items):
    """Put the tests that train into the order in which they were collected; other tests stay where a plugin has put them."""
    order = {id(item): index for index, item in enumerate(collected)}
    trained = iter(sorted(filter(trains, items), key=lambda item: order.get(id(item), len(order))))
    items[:] = [next(trained) if trains(item) else item for item in items]


def check_any_left(config, collected, items):
    """A UsageError where -m and -k leave none of the collected tests."""
    if collected and not items and not hasattr(config, "workerinput"):
        full = config.option.markexpr == "quick" and all(item.get_closest_marker("full") for item in collected)
        hint = "all are of the full tier: ask for it with -m full" if full else "-m and -k leave none of them"
        raise pytest.UsageError(f"{len(collected)} tests were collected, but {hint}")


def read(config):
    """The options of a pytest session: Options.

    Raises:
        ValueError, TableError, loaders.DataError: an option is wrong; the message names it and the next step.
    """
    settings.check()
    option, benchmarks = config.option, config._benchmarksession
    storage = Path(getattr(benchmarks.storage, "path", ""))
    if option.epochs is not None and option.epochs < 1:
        raise ValueError(f"--epochs={option.epochs}: train for at least 1 epoch")
    if (folder := option.save_models) and not (folder.is_dir() and os.access(folder, os.W_OK)):
        raise ValueError(f"--save-models={folder}: not a folder that can be written to; create it first")
    if option.figures:
        figures.check(option.figures)
    if name := option.benchmark_save:
        if not store.NAME.fullmatch(name):
            raise ValueError(f"--benchmark-save={name!r}: a name may hold only letters, digits and . _ -")
        if not storage.is_dir() or not os.access(storage, os.W_OK):
            raise ValueError(f"--benchmark-storage={option.benchmark_storage}: not a folder that can be written to; name another")
    if option.resume and not name:
        raise ValueError("--resume goes on with the session that a name belongs to; add --benchmark-save=NAME")
    saves = (benchmarks.save or benchmarks.autosave) and not (benchmarks.disabled or benchmarks.skip)
    return Options(
        cells=choose(*((option_names or "").split(",") for option_names in (option.model, option.dataset, option.recipe))),
        seeds=_parsed("--seeds", option.seeds, plan.seeds),
        epochs=option.epochs,
        precision=option.precision,
        root=loaders.root_folder(option.data_dir),
        save_models=folder and folder.resolve(),
        figures=option.figures and option.figures.resolve(),
        budget=_parsed("--time-budget", option.time_budget, plan.budget),
        timeout=_parsed("--cell-timeout", option.cell_timeout, plan.budget),
        name=(name or benchmarks.save or benchmarks.autosave) if saves else None,
        storage=storage,
        resume=option.resume,
        strict=option.strict_baselines,
    )


def _parsed(name, text, parse):
    """What ``parse`` makes of an option's text, None of none; its ValueError names the option."""
    try:
        return None if text is None else parse(text)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
