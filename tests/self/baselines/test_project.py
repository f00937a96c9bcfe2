"""A folder of the user's own: its models, cells and records stand beside the suite's, whose checkout stays as it was."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import zoo
from baselines import store
from baselines.cells import cells
from baselines.tables import TableError
from zoo import project

ROOT = Path(__file__).parents[3]
MODEL = """
from keras import Sequential, layers

def tiny(shape, classes):
    return Sequential([layers.Input(shape), layers.Flatten(), layers.Dense(classes, activation="softmax")], name="tiny")
"""
MODELS = 'from zoo import Model\nMODELS = {"tiny": Model("mine", (8, 8, 1), 3)}\n'
TABLE = """
[datasets]
noise = { loader = "arrays", path = "noise.npz", input = [8, 8, 1], classes = 3 }

[recipes.short]
input = "scaled"
optimizer = { name = "Adam", learning_rate = 0.01 }
batch = 16
epochs = 2

[cells]
rows = [
  { model = "tiny", dataset = "noise", recipe = "short" },
  { model = "lenet5", dataset = "digits", recipe = "gate" },
]

[floors]
tiny-noise-short = 0.05
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A project with one model, its own images and two cells."""
    folder = tmp_path / "project"
    (folder / "zoo").mkdir(parents=True)
    (folder / "zoo" / "__init__.py").write_text(MODELS)
    (folder / "zoo" / "mine.py").write_text(MODEL)
    (folder / "ours.toml").write_text(TABLE)
    rng = np.random.default_rng(0)
    arrays = {"x_train": rng.integers(0, 256, (60, 8, 8)).astype("uint8"), "y_train": np.arange(60) % 3}
    np.savez(folder / "noise.npz", x_test=arrays["x_train"][:30], y_test=arrays["y_train"][:30], **arrays)
    monkeypatch.setenv(project.VARIABLE, str(folder))
    return folder


def status():
    args = ["git", "status", "--porcelain", "--ignored"]
    done = subprocess.run(args, cwd=ROOT, capture_output=True, text=True)
    return [line for line in done.stdout.splitlines() if "__pycache__" not in line]


@pytest.mark.self
def test_the_models_and_cells_of_a_project_are_added_to_the_suites(own):
    assert zoo.names()[-1] == "tiny"
    assert "lenet5" in zoo.names()
    cell = cells()["tiny-noise-short"]
    assert ("own", (8, 8, 1), 3, 0.05) == (cell.study, cell.shape, cell.classes, cell.floor)
    assert cells()["lenet5-mnist-gate"].recipe == cells()["lenet5-digits-gate"].recipe


@pytest.mark.self
def test_without_a_project_there_are_only_the_suites_models_and_cells(monkeypatch):
    monkeypatch.delenv(project.VARIABLE, raising=False)
    assert "tiny" not in zoo.names()
    assert "tiny-noise-short" not in cells()
    assert [store.FOLDER] == store.folders()


@pytest.mark.slow
def test_a_cell_of_ones_own_is_trained_stored_judged_and_accepted_with_three_commands(own):
    before = status()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    kwargs = {"cwd": own.parent, "capture_output": True, "text": True, "timeout": 300, "env": environment}
    pytest = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pytest.ini"), f"--rootdir={ROOT}", str(ROOT / "tests")]
    args = ["-m", "full", f"--project={own}", "--model=tiny", "--benchmark-save=first", "--seeds=1"]
    first = subprocess.run([*pytest, *args, "-p", "no:cacheprovider"], **kwargs)
    assert 0 == first.returncode, first.stdout + first.stderr
    assert "tiny-noise-short NO-BASELINE: accuracy" in first.stdout
    (machine,) = (own / "records").iterdir()
    kwargs["cwd"] = ROOT
    accepted = subprocess.run([sys.executable, "-m", "baselines", "accept", "--reason", "mine"], **kwargs)
    assert "accepted: tiny-noise-short, 1 record: accuracy mean" in accepted.stdout, accepted.stderr
    assert (machine / "accepted.toml").is_file()
    compared = subprocess.run([sys.executable, "-m", "baselines", "compare", "--all"], **kwargs)
    assert 0 == compared.returncode, compared.stderr
    assert "tiny-noise-short" in compared.stdout
    assert re.search(r"lenet5-mnist-afif .* = ours .*\(n=\d+\)", compared.stdout)
    assert before == status()


@pytest.mark.self
@pytest.mark.parametrize(
    ("file", "text", "complaint"),
    [
        ("zoo/__init__.py", "MODELS = 1", "__init__.py: TypeError: .*it holds MODELS"),
        ("zoo/__init__.py", "import nowhere", "__init__.py: ModuleNotFoundError: No module named 'nowhere'"),
        ("zoo/__init__.py", MODELS.replace('"tiny"', '"lenet5"'), "the suite has a model 'lenet5' already"),
        ("published/mine.toml", "", "mine.toml: the key 'study' is missing"),
        ("published/afif.toml", (ROOT / "baselines/published/afif.toml").read_text(), "there is a study afif already, in afif.toml"),
        ("ours.toml", TABLE.replace('model = "tiny"', 'model = "tini"'), r"ours.toml, row 1 of \[cells\]: unknown model 'tini'"),
        ("ours.toml", TABLE.replace('recipe = "gate"', 'recipe = "gait"'), "unknown recipe 'gait'; known: .*gate"),
    ],
    ids=str,
)
def test_a_mistake_in_a_project_is_one_line_that_names_the_file(own, file, text, complaint):
    (own / file).parent.mkdir(exist_ok=True)
    (own / file).write_text(text)
    with pytest.raises((ValueError, TableError), match=complaint) as caught:
        cells()
    assert "\n" not in str(caught.value)


@pytest.mark.self
def test_a_project_folder_that_does_not_exist_is_refused(suite):
    done = suite("-m", "full", "--project=/nowhere", storage=False)
    assert (4, True) == (done.returncode, "names a folder that does not exist: /nowhere" in done.stderr), done.output
