"""Recipes that cannot work stop a session before its first training; what was tried, or trained, is not tried again."""

import hashlib
import os

import pytest

from baselines import machine, trials
from baselines.__main__ import main
from baselines.cells import cells
from loaders import files
from tests.self.baselines import fake_training

pytestmark = pytest.mark.self
FULL = ("-m", "full", "tests/test_epoch_time.py", "tests/test_accuracy.py", "--dataset=digits")
TWO = (*FULL, "--model=lenet5,vgg_like")
LENET, VGG = "lenet5-digits-digits_lenet", "vgg_like-digits-digits_vgg"
WRONG = {LENET: [["optimizer", "no learning_rat"]], VGG: [["optimizer", "no momentun"], ["plateau", "factor >= 1"]]}


@pytest.fixture(autouse=True)
def bare(bare_home):
    """Nothing was tried before."""


@pytest.fixture
def checked(tmp_path):
    """A function: the cells whose recipes were tried in a child of their own; it forgets them."""

    def read():
        path = tmp_path / "log.checked"
        found = path.read_text().split() if path.exists() else []
        path.unlink(missing_ok=True)
        return found

    return read


def test_all_mistakes_of_all_chosen_cells_are_listed_before_any_training(suite, checked, tmp_path):
    done = suite(*TWO, "--benchmark-save=x", mistakes=WRONG)
    assert 4 == done.returncode, done.output
    assert [LENET, VGG] == sorted(checked())
    for cell, recipe, found in (LENET, "digits_lenet", WRONG[LENET]), (VGG, "digits_vgg", WRONG[VGG]):
        for key, problem in found:
            assert f"ours.toml: recipe {recipe}: {key}: {problem} ({cell})" in done.stderr
    assert "3 mistakes" in done.stderr
    assert not (tmp_path / "log").exists()
    assert "Traceback" not in done.output


def test_a_mistake_that_several_cells_share_is_one_line_with_their_names():
    with pytest.raises(trials.Mistakes) as caught:
        trials.refuse({cell: [["optimizer", "wrong"]] for cell in ("lenet5-mnist-afif", "vgg_like-mnist-afif")})
    assert 1 == str(caught.value).count("\n")
    assert "afif.toml: recipe afif: optimizer: wrong (lenet5-mnist-afif, vgg_like-mnist-afif)" in str(caught.value)


def test_a_single_recipe_is_tried_by_its_training_and_a_mistake_ends_the_session(suite, checked, trained, files):
    done = suite(*FULL, "--model=lenet5", "--benchmark-save=x", mistakes=WRONG)
    assert (4, []) == (done.returncode, checked()), done.output
    assert "no learning_rat" in done.output
    assert [] == files()
    done = suite(*FULL, "--model=lenet5", "--benchmark-save=x")
    assert (0, [LENET]) == (done.returncode, trained()), done.output


def test_the_recipes_of_cells_that_do_not_fit_the_budget_are_not_tried(suite, checked):
    done = suite(*TWO, "--time-budget=1s")
    assert (0, []) == (done.returncode, checked()), done.output


def test_a_machine_on_which_nothing_can_be_tried_is_red_and_trains_all_the_same(suite, trained):
    done = suite(*TWO, uncheckable=True)
    assert (1, [LENET, VGG]) == (done.returncode, trained()), done.output
    assert "the recipes could not be tried" in done.stdout


def test_what_was_tried_once_is_not_tried_again_until_something_changes(bare_home, monkeypatch):
    cell = cells()[LENET]
    assert [cell] == trials.untried([cell], "float32", [])
    trials._remember(cell, "float32")
    assert [] == trials.untried([cell], "float32", [])
    assert [cell] == trials.untried([cell], "mixed_bfloat16", [])
    changed = cell._replace(recipe={**cell.recipe, "batch": 7})
    assert [changed] == trials.untried([changed], "float32", [])
    monkeypatch.setattr(machine, "versions", lambda: {"keras": "4"})
    assert [cell] == trials.untried([cell], "float32", [])


def test_a_cell_with_a_record_of_the_same_recipe_and_code_needs_no_try(tmp_path):
    cell = cells()[LENET]
    now = {
        "versions": machine.versions(),
        "backend": machine.backend(),
        "code": {"graph": "a", "loader": "d", **trials._training_code(cell)},
    }

    def untried(**conditions):
        made = fake_training.record(LENET, **{**now, **conditions})
        fake_training.stored(tmp_path, 1, "x", [made])
        from baselines import store

        return trials.untried([cell], "float32", store.records(tmp_path))

    assert [] == untried()
    assert [cell] == untried(versions={"keras": "2"})
    assert [cell] == untried(code={**now["code"], "recipes": "e"})
    assert [cell] == untried(former=True)


def test_the_code_of_a_training_is_what_the_training_says_it_is():
    from zoo.training import train

    for cell in cells().values():
        parts = train.sources(cell.recipe, cell.model)
        told = {part: hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()[:12] for part, paths in parts.items()}
        assert told == trials._training_code(cell), cell.id


def test_where_the_cache_cannot_be_written_every_recipe_counts_as_untried(bare_home, monkeypatch):
    (bare_home / "zoobench").write_text("a file")
    cell = cells()[LENET]
    trials._remember(cell, "float32")
    assert [cell] == trials.untried([cell], "float32", [])


def test_the_command_tries_a_cell_of_a_project_and_names_file_and_key(tmp_path, monkeypatch, capsys):
    table = '[recipes.r]\ninput = "scaled"\noptimizer = { name = "Adam", learning_rat = 0.1 }\nbatch = 8\nepochs = 300\n'
    (tmp_path / "ours.toml").write_text(f'{table}[cells]\nrows = [{{ model = "lenet5", dataset = "digits", recipe = "r" }}]\n')
    monkeypatch.setenv("ZOOBENCH_PROJECT", str(tmp_path))
    assert 2 == main(["check", "lenet5-digits-r"])
    told = capsys.readouterr().err
    assert f"{tmp_path / 'ours.toml'}: recipe r: optimizer: " in told
    assert "learning_rat" in told
    assert 2 == main(["check", "lenet6-digits-r"])
    assert "unknown cell 'lenet6-digits-r'" in capsys.readouterr().err


def test_the_command_says_that_a_recipe_works_and_remembers_it(capsys):
    assert 0 == main(["check", LENET])
    assert "1 cell: no mistake in their recipes" in capsys.readouterr().out
    assert [f"{LENET}-{machine.backend()}-float32"] == os.listdir(files.cache_folder() / "tried")
