"""The tables of cells: as the studies print them, and refused where they cannot be meant."""

import shutil

import pytest

import loaders
from baselines import cells as tables
from baselines import plan
from baselines.cells import TableError, cells, choose, studies

pytestmark = pytest.mark.quick


@pytest.fixture
def edited(tmp_path):
    """A function that replaces text in a copy of the tables, and reads its cells."""

    def edit(old, new, file="ours.toml"):
        shutil.copytree(tables.FOLDER / "published", tmp_path / "published")
        shutil.copy(tables.FOLDER / "ours.toml", tmp_path)
        text = (tmp_path / file).read_text()
        assert 1 <= text.count(old)
        (tmp_path / file).write_text(text.replace(old, new, 1))
        return cells(tmp_path)

    return edit


def test_the_afif_study_prints_five_networks_on_four_data_sets_in_47_hours():
    mine = [cell for cell in cells().values() if cell.study == "afif"]
    assert (20, 5, 4) == (len(mine), len({cell.model for cell in mine}), len({cell.dataset for cell in mine}))
    assert 170630 == sum(cell.published["seconds"] for cell in mine)


def test_every_printed_number_has_a_place_where_it_stands():
    for table in studies().values():
        for row in table["cells"]["rows"]:
            keys = row.keys() & set(tables.PUBLISHED)
            assert not keys or {"accuracy", "seconds"} <= keys & table["where"].keys()


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('model = "lenet5", dataset = "mnist"', 'model = "lenet6", dataset = "mnist"', "unknown model 'lenet6'.*known: lenet5"),
        ('dataset = "digits", recipe = "digits_lenet"', 'dataset = "digit", recipe = "digits_lenet"', "unknown dataset 'digit'.*known: mnist"),
        ('recipe = "gate"', 'recipe = "gait"', "unknown recipe 'gait'.*known: gate"),
        ("quick = true", "quik = true", "unknown key 'quik'"),
        ("batch = 256", "batchsize = 256", "recipe gate: unknown key 'batchsize'"),
        ('input = "scaled"', 'input = "scald"', "recipe gate: unknown input 'scald'; known: raw"),
        ("lenet5-mnist-gate = ", "lenet5-mnist-gait = ", "a floor for 'lenet5-mnist-gait', which is no cell"),
        ("digits = { ", 'digits = { loader = "digit", ', "no loader reads 'digit'.*known: mnist"),
        ("[recipes.gate]", "[recipes.gate", "ours.toml is not TOML"),
        ('model = "vgg_like", dataset = "digits", recipe = "digits_vgg"', 'model = "lenet5", dataset = "mnist", recipe = "gate"', "two rows"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_meant_is_refused(edited, old, new, complaint):
    with pytest.raises(TableError, match=complaint):
        edited(old, new)


def test_cells_are_chosen_by_model_data_set_and_recipe():
    assert ["lenet5-mnist-afif", "lenet5-mnist-gate"] == [cell.id for cell in choose(["lenet5"], ["mnist"])]
    assert list(cells().values()) == choose() == choose([""])


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((["lenet6"],), "unknown model 'lenet6'; .*lenet5, vgg_like"),
        (([], ["mnits"]), "unknown dataset 'mnits'; .*mnist, fashion_mnist"),
        (([], [], ["afiff"]), "unknown recipe 'afiff'; .*afif, afif_resnet"),
        ((["vgg_like"], ["mnist"], ["gate"]), "no cell has that .*lenet5-mnist-gate"),
    ],
)
def test_a_choice_of_nothing_is_refused_with_what_there_is(words, complaint):
    with pytest.raises(ValueError, match=complaint):
        choose(*words)


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("20m", 1200), ("1h30m", 5400), ("0.5h", 1800)])
def test_a_time_budget_is_read_as_a_person_writes_it(text, seconds):
    assert seconds == plan.budget(text)


@pytest.mark.parametrize("text", ["", "20", "m20", "20 m", "1d", "-5m", "0s"])
def test_what_is_no_time_is_refused_with_the_form(text):
    with pytest.raises(ValueError, match="is no time; write it as 90s, 20m or 1h30m"):
        plan.budget(text)


def test_the_quick_tier_gates_lenet_on_mnist_at_98_percent():
    (cell,) = (cell for cell in cells().values() if cell.quick)
    assert ("lenet5", "mnist", 0.98) == (cell.model, cell.dataset, cell.floor)


@pytest.mark.parametrize("name", sorted({cell.data for cell in cells().values()}))
def test_the_images_are_as_large_as_the_tables_say(name, data_root):
    try:
        data = loaders.load(name, data_root, download=False)
    except loaders.DataMissing as missing:
        pytest.skip(str(missing))
    cell = next(cell for cell in cells().values() if cell.data == name)
    assert (cell.shape, cell.classes) == (data.x_train.shape[1:], len(data.classes))
