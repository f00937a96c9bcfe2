"""What a user can ask pytest for: the suite's options, tiers and hypothesis profiles, read and checked before anything is trained."""

import os
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import pytest
from _pytest.mark.expression import Expression

import loaders
from baselines import machine, plan, store
from baselines.cells import Cell, choose
from loaders import user
from zoo import project

ROOT = Path(__file__).parent.parent
TIERS = ("quick", "full", "self", "slow")
PROFILES = {"dev": 2, "ci": 10, "full": 100}  # of hypothesis: inputs that each property is tried on
BENCHMARK_DEFAULT = "file://./.benchmarks"  # pytest-benchmark's storage, unless told otherwise


@dataclass
class Options:
    """What the user asked for, checked."""

    cells: list[Cell]
    seeds: list[int]
    epochs: int | None
    precision: str
    root: Path | None  # the data directory
    save_models: Path | None
    budget: float | None  # seconds for all trainings
    timeout: float | None  # seconds for one training
    name: str | None  # of the session's file; None: nothing is stored
    storage: Path


def add(parser):
    """The options, in pytest's --help under a heading of their own."""
    group = parser.getgroup("zoobench", "the suite's own options")
    option = group.addoption
    option(
        "--project",
        metavar="DIR",
        type=user.path,
        help=f'folder of your own models, cells and records, written with "=" (else ${project.VARIABLE})',
    )
    option(
        "--data-dir",
        metavar="DIR",
        type=user.path,
        help=f"data directory with a folder per data set; write --data-dir=DIR (else ${loaders.files.VARIABLE})",
    )
    option("--model", metavar="NAMES", help="only cells of these models, separated by commas")
    option("--dataset", metavar="NAMES", help="only cells of these data sets")
    option("--recipe", metavar="NAMES", help="only cells of these recipes")
    option("--seeds", "--seed", default="0", metavar="SEEDS", help="seeds of the trainings, as 3, 1-5 or 1,3,7 (default 0)")
    option("--epochs", type=int, metavar="N", help="train for N epochs instead of the recipe's; such records are stored but not judged")
    option("--precision", default="float32", choices=machine.PRECISIONS, help="dtype policy of the networks (default float32)")
    option(
        "--save-models",
        metavar="DIR",
        type=user.path,
        help='keep each trained network in DIR (written with "="), for python -m zoo predict',
    )
    option("--time-budget", metavar="TIME", help="train the cells that fit into TIME (90s, 20m, 1h30m), cheapest first; list the others")
    option("--cell-timeout", metavar="TIME", help="fail a cell whose training takes longer than TIME (90s, 20m, 1h30m)")
    option("--update-goldens", action="store_true", help="write the goldens that have changed, show the changes, and fail once")
    parser.extra_info["options of this suite"] = " ".join(name for each in group.options for name in each.names())


def set_defaults(config):
    """Set the defaults: the quick tier, the storage of the project or the suite, few inputs for each property."""
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
    return min(machine.processor()["cores"], 4)


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
    """A UsageError where a test has not exactly one tier."""
    for item in items:
        tiers = [tier for tier in TIERS if item.get_closest_marker(tier)]
        if len(tiers) != 1:
            raise pytest.UsageError(f"{item.nodeid} has {len(tiers)} tiers; mark it with one of {', '.join(TIERS)}")


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
    option, benchmarks = config.option, config._benchmarksession
    storage = Path(getattr(benchmarks.storage, "path", ""))
    if option.epochs is not None and option.epochs < 1:
        raise ValueError(f"--epochs={option.epochs}: train for at least 1 epoch")
    if (folder := option.save_models) and not (folder.is_dir() and os.access(folder, os.W_OK)):
        raise ValueError(f"--save-models={folder}: not a folder that can be written to; create it first")
    if name := option.benchmark_save:
        if not store.NAME.fullmatch(name):
            raise ValueError(f"--benchmark-save={name!r}: a name may hold only letters, digits and . _ -")
        if not storage.is_dir() or not os.access(storage, os.W_OK):
            raise ValueError(f"--benchmark-storage={option.benchmark_storage}: not a folder that can be written to; name another")
    saves = (benchmarks.save or benchmarks.autosave) and not (benchmarks.disabled or benchmarks.skip)
    return Options(
        cells=choose(*((option_names or "").split(",") for option_names in (option.model, option.dataset, option.recipe))),
        seeds=_parsed("--seeds", option.seeds, plan.seeds),
        epochs=option.epochs,
        precision=option.precision,
        root=loaders.root_folder(option.data_dir),
        save_models=folder and folder.resolve(),
        budget=_parsed("--time-budget", option.time_budget, plan.budget),
        timeout=_parsed("--cell-timeout", option.cell_timeout, plan.budget),
        name=(name or benchmarks.save or benchmarks.autosave) if saves else None,
        storage=storage,
    )


def _parsed(name, text, parse):
    """What ``parse`` makes of an option's text, None of none; its ValueError names the option."""
    try:
        return None if text is None else parse(text)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
