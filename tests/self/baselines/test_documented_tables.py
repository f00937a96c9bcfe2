"""The whole tables of baselines/README.md are ones that the suite reads."""

import re
from pathlib import Path

import pytest

from baselines import tables
from baselines.cells import cells
from zoo import project

pytestmark = pytest.mark.self
ROOT = Path(__file__).parents[3]


def test_the_tables_of_the_readme_are_read_as_a_projects(tmp_path, monkeypatch):
    ours, study = re.findall(r"```toml\n(.*?)```", (ROOT / "baselines" / "README.md").read_text(), re.DOTALL)
    (tmp_path / "published").mkdir()
    (tmp_path / "zoo").mkdir()
    (tmp_path / "ours.toml").write_text(ours)
    (tmp_path / "published" / "smith2020.toml").write_text(study)
    (tmp_path / "zoo" / "__init__.py").write_text('from zoo import Model\nMODELS = {"my_model": Model("mine", (64, 64, 3), 2)}\n')
    monkeypatch.setenv(project.VARIABLE, str(tmp_path))
    assert {"lenet5-mnist-smith", "my_model-pets-short", "lenet5-mine-short"} < cells().keys()
    assert 0.6 == cells()["my_model-pets-short"].floor
    assert ["own", "smith2020"] == sorted(tables.studies().keys() - {"afif", "imagenet32", "srivastava", "ours"})


def test_a_function_that_the_projects_models_lack_is_one_line_that_names_the_file(tmp_path, monkeypatch):
    import zoo

    (tmp_path / "zoo").mkdir()
    (tmp_path / "zoo" / "__init__.py").write_text('from zoo import Model\nMODELS = {"mine": Model("mine", (8, 8, 1), 2)}\n')
    (tmp_path / "zoo" / "mine.py").write_text("def other(shape, classes): pass\n")
    monkeypatch.setenv(project.VARIABLE, str(tmp_path))
    with pytest.raises(ValueError, match=r"zoo/mine\.py: AttributeError: .*it holds the function mine\(shape, classes\)"):
        zoo.build("mine", (8, 8, 1), 2)


def test_a_model_without_a_cell_is_said_to_be_one():
    from baselines.cells import choose

    with pytest.raises(ValueError, match="no cell trains the model 'vgg19'; add a row to"):
        choose(["vgg19"])
