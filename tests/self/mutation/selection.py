"""The tests that a fault in a file of the suite is tried on: the quick and self ones that import the file."""

import ast
import functools
import re
import signal
from pathlib import Path

import loaders
import zoo
from tests import small_networks
from tests.self.mutation.edits import ROOT

FIRST = ("test_cost.py", "test_graph.py", "test_goldens.py")
LAST = ("test_resume.py", "test_verdicts.py", "test_session.py", "test_train.py")  # whole sessions, the quick ones first
OWN = {  # module -> its test files of other names, the cheap ones first
    "baselines.limits": ("test_limits.py", "test_gate.py"),
    "baselines.gate": ("test_gate.py", "test_limits.py", "test_screen.py"),
    "baselines.sight": ("test_gate.py",),
    "baselines.files": ("test_files.py", "test_store.py"),
    "baselines.accepted": ("test_files.py", "test_store.py", "test_accept.py"),
    "baselines.store": ("test_store_folders.py",),
    "baselines.results": ("test_session_end.py", "test_resume.py"),
    "baselines.session": ("test_session_plan.py", "test_session_trainings.py", "test_session_end.py"),
    "baselines.changes": ("test_record.py", "test_judge.py"),
    "baselines.signals": ("test_ab_signals.py", "test_tour.py"),
    "baselines.times": ("test_judge.py", "test_judge_choices.py", "test_screen.py", "test_calibrate.py", "test_verdicts_of_a_record.py"),
    "baselines.schedule": (
        "test_session_plan.py",
        "test_session_trainings.py",
        "test_session_end.py",
        "test_resume.py",
        "test_verdicts.py",
    ),
    "baselines.judge": ("test_judge.py", "test_judge_choices.py", "test_verdicts_of_a_record.py", "test_verdicts.py"),
    "baselines.report.studies": ("test_compare_rows.py", "test_compare.py"),
    "baselines.report.estimate": ("test_compare_estimate.py",),
    "baselines.report.measure": ("test_compare_select.py",),
    "baselines.report.make": ("test_compare_select.py", "test_compare_answer.py", "test_compare_published.py", "test_compare_rows.py"),
    "baselines.report.rows": (
        "test_compare_answer.py",
        "test_compare_history.py",
        "test_compare_published.py",
        "test_compare_table.py",
        "test_page.py",
    ),
    "baselines.report.published": ("test_compare_published.py",),
    "baselines.report.sections": ("test_page.py",),
    "baselines.report.select": ("test_compare_select.py",),
    "baselines.report.answer": ("test_compare_answer.py",),
    "baselines.report.table": ("test_compare_table.py",),
    "baselines.report.values": ("test_compare_table.py",),
    "baselines.ab": ("test_ab.py", "test_ab_cells.py"),
    "baselines.turns": ("test_ab.py", "test_ab_cells.py"),
    "baselines.pairs": ("test_ab.py", "test_ab_cells.py"),
    "baselines.packages": ("test_packages.py",),
    "baselines.commands": ("test_sides.py",),
    "baselines.comparisons": ("test_ab.py", "test_ab_cells.py", "test_compare_table.py"),
    "baselines.report.history": ("test_compare_history.py",),
    "baselines.judged": ("test_compare_rows.py",),
    "baselines.verdicts": ("test_verdicts_of_a_record.py",),
}
SESSION = tuple(
    f"baselines.{name}" for name in ("session", "results", "trainings", "verdicts", "child", "options", "train", "store", "files")
)
NEVER = (
    "test_faults.py",
    "test_newcomers.py",
    "test_project.py",
)  # the first fails with any fault; the others play whole sessions at length
TRAIN = ("test_training.py", "test_epochs.py", "test_recipes.py", "test_search.py")  # half a minute, and independent of the network
LONGEST = 90  # seconds until a test counts as hanging, and its fault as caught
FAMILIES = {model.module for model in zoo.MODELS.values()}


class Selection:
    """A pytest plugin: selects the tests of one file, and keeps the name of the one that failed."""

    def __init__(self, file):
        self.module = Path(file).stem
        self.failed = self.running = ""

    def pytest_collection_modifyitems(self, items):
        items[:] = [item for item in items if self._imports(item)]

    def _imports(self, item):
        """Whether a test is of the file: for a family of networks, whether it names one of them; else true."""
        if self.module not in FAMILIES:
            return True
        parameters = [str(getattr(value, "model", value)) for value in item.callspec.params.values()] if hasattr(item, "callspec") else []
        families = {family for parameter in parameters if (family := _family(parameter))}
        named = [name for name, model in zoo.MODELS.items() if model.module == self.module]
        return self.module in families if families else _mentions(item.path, (f"zoo.{self.module}", f"zoo import {self.module}", *named))

    def pytest_runtest_logstart(self, nodeid):
        self.running = nodeid.removeprefix("tests/")
        signal.alarm(LONGEST)

    def pytest_runtest_logfinish(self):
        signal.alarm(0)

    def pytest_runtest_logreport(self, report):
        if report.failed and not self.failed:
            self.failed = report.nodeid.removeprefix("tests/")

    def pytest_collectreport(self, report):
        if report.failed:
            self.failed = self.failed or f"{report.nodeid} cannot be collected"


@functools.cache
def _family(parameter):
    """The file of the zoo that a model, small network or cell belongs to; None for anything else."""
    for family, builders in small_networks.SPECIMENS.items():
        if parameter in [builder.__name__ for builder in builders]:
            return family
    name = parameter.partition("-")[0]
    return zoo.MODELS[name].module if name in zoo.MODELS else None


@functools.cache
def _mentions(path, names):
    text = path.read_text(encoding="utf-8")
    return any(re.search(rf"\b{name}\b", text) for name in names)


def test_files(file):
    """The test files that import a file of the suite, themselves or through what they import: the cheap ones first."""
    module = _module(ROOT / file)
    every = [path for path in sorted((ROOT / "tests").rglob("test_*.py")) if path.name not in NEVER]
    paths = [path for path in every if module in _closure(_module(path)) or (module in SESSION and path.name in LAST)]
    # The file's own tests come first, then other cheap ones, whole sessions last; for a network, tests of training come late, too.
    own = [module, r" import [^\n]*\b".join(module.rsplit(".", 1)), *(["import loaders"] if module.startswith("loaders.") else [])]
    named = (*OWN.get(module, ()), f"test_{module.rpartition('.')[2]}.py")
    if module.startswith("baselines."):  # which almost every test of sessions imports in the end
        sessions = LAST if module in SESSION else ()
        found = [path for path in every if path.name in named or path.name in sessions or (path in paths and _mentions(path, tuple(own)))]
        paths = found or paths
    late = TRAIN if module.removeprefix("zoo.") in FAMILIES else ()
    paths.sort(
        key=lambda path: (
            named.index(path.name) if path.name in named else len(named),
            path.name in late,
            LAST.index(path.name) + 1 if path.name in LAST else 0,
            not _mentions(path, tuple(own)),
            path.name not in FIRST,
        )
    )
    return [path.relative_to(ROOT).as_posix() for path in paths]


def _module(path):
    """Name of the module that a file of the suite holds."""
    return path.relative_to(ROOT).as_posix().removesuffix(".py").replace("/", ".").removesuffix(".__init__")


@functools.cache
def _closure(module):
    """Names of the suite's modules that a module imports, anywhere in it, and what those import; all families for the zoo."""
    seen, waiting = set(), [module]
    while waiting:
        name = waiting.pop()
        if name not in seen and (found := _imports(name)) is not None:
            seen.add(name)
            waiting += found
    return seen


@functools.cache
def _imports(name):
    """Names that a module of the suite imports, its package's too; None for other modules."""
    path = ROOT / (name.replace(".", "/") + ".py")
    path = path if path.exists() else ROOT / name.replace(".", "/") / "__init__.py"
    if not path.exists():
        return None
    found = [name.rpartition(".")[0]]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    if name == "zoo.training.train":  # which imports them by name
        found += [f"zoo.training.epoch_{backend}" for backend in ("tensorflow", "jax", "fit")]
    if name == "zoo":  # likewise
        found += [f"zoo.{family}" for family in FAMILIES]
    if name == "loaders":
        found += [f"loaders.{module}" for module in loaders.DATASETS.values()]
    return found
