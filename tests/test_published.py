"""The tables of cells: as the studies print them, and refused where they cannot be meant."""

import shutil

import pytest

import loaders
from baselines import cells as tables
from baselines import plan, store
from baselines.cells import TableError, cells, choose, published_seconds, studies
from tests.self.baselines import fake_training

pytestmark = pytest.mark.quick


def of_study(study):
    return [cell for cell in cells().values() if cell.study == study]


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
    mine = of_study("afif")
    assert (20, 5, 4) == (len(mine), len({cell.model for cell in mine}), len({cell.dataset for cell in mine}))
    assert 170630 == sum(cell.published["seconds"] for cell in mine)


def test_the_srivastava_study_prints_three_networks_on_three_data_sets():
    mine = of_study("srivastava")
    assert (9, 3, 3) == (len(mine), len({cell.model for cell in mine}), len({cell.dataset for cell in mine}))
    assert all(
        {"accuracy", "loss", "train_accuracy", "train_loss", "validation_accuracy", "validation_loss"} <= cell.published.keys()
        for cell in mine
    )


def test_the_srivastava_studys_networks_rank_as_its_text_says():
    best, least = {}, {}
    for dataset in "mnist", "fashion_mnist", "cifar10":
        # In whole per cents, as the text compares them.
        percents = {cell.model: int(100 * cell.published["accuracy"]) for cell in of_study("srivastava") if cell.dataset == dataset}
        best[dataset] = {model for model, percent in percents.items() if percent == max(percents.values())}
        least[dataset] = {model for model, percent in percents.items() if percent == min(percents.values())}
    every = {"alexnet_64", "vgg16", "resnet34_leaky"}
    assert {"mnist": every, "fashion_mnist": {"vgg16"}, "cifar10": {"vgg16", "resnet34_leaky"}} == best
    assert {"mnist": every, "fashion_mnist": {"alexnet_64"}, "cifar10": {"alexnet_64"}} == least


def test_the_imagenet32_study_prints_eleven_experiments_on_two_data_sets():
    mine = of_study("imagenet32")
    assert (11, 10, 2) == (len(mine), len({cell.model for cell in mine}), len({cell.dataset for cell in mine}))
    # That of experiment 1 is only plotted.
    assert ["densenet121_own_1"] == [cell.model for cell in mine if "accuracy" not in cell.published]


def test_a_studys_per_cents_are_read_as_shares_and_its_losses_are_left_alone():
    table = studies()["srivastava"]
    assert table["percent"]
    for row, cell in zip(table["cells"]["rows"], of_study("srivastava"), strict=True):
        shares = {key: round(100 * cell.published[key], 9) for key in ("accuracy", "train_accuracy", "validation_accuracy")}
        assert shares == {key: row[key] for key in shares}
        losses = {key: row[key] for key in ("loss", "train_loss", "validation_loss")}
        assert losses == {key: cell.published[key] for key in losses}


def test_a_networks_input_has_the_recipes_size_and_the_data_sets_channels():
    sizes = {cell.dataset: (cell.shape, cell.data_shape) for cell in of_study("srivastava")}
    assert {"mnist": ((64, 64, 1), (28, 28, 1)), "cifar10": ((64, 64, 3), (32, 32, 3))}.items() <= sizes.items()
    cell = cells()["lenet5-mnist-afif"]  # whose recipe has no size
    assert (28, 28, 1) == cell.shape == cell.data_shape


def test_what_the_two_later_studies_do_not_state_is_marked_as_ours():
    recipes = [recipe for study in ("srivastava", "imagenet32") for recipe in studies()[study]["recipes"].values()]
    assert all("ours" in recipe["note"] for recipe in recipes)


def test_a_published_epoch_is_told_from_all_epochs_together():
    cell = cells()["lenet5-mnist-afif"]
    assert 30 == published_seconds(cell._replace(published={"seconds": 30 * cell.recipe["epochs"]}))
    assert 30 == published_seconds(cell._replace(published={"epoch_seconds": 30}))
    assert published_seconds(cell._replace(published={"accuracy": 0.5})) is None


def test_a_cell_that_never_ran_is_estimated_from_its_published_epoch():
    cell = cells()["lenet5-mnist-afif"]._replace(id="never", published={"epoch_seconds": 30})
    assert 300 == plan.estimate(cell, "mine", [])
    assert 60 == plan.estimate(cell, "mine", [], epochs=2)


def test_the_pace_of_a_machine_is_told_by_published_epochs_too(tmp_path):
    ran = next(cell for cell in of_study("srivastava") if "epoch_seconds" in cell.published)
    never = cells()["lenet5-mnist-afif"]
    # A second of compilation, and a tenth of one an epoch of evaluation: as `pretend` has it.
    epoch = 3 * ran.published["epoch_seconds"]
    fake_training.stored(tmp_path, 1, "x", [fake_training.sample(ran.id, seconds=(epoch - 0.1,))], machine="mine")
    pace = (1 + ran.recipe["epochs"] * epoch) / (ran.recipe["epochs"] * ran.published["epoch_seconds"])
    assert never.published["seconds"] * pace == pytest.approx(plan.estimate(never, "mine", store.runs(tmp_path)))


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


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("train_loss = 0.0149", "trained_loss = 0.0149", "study srivastava: unknown key 'trained_loss'"),
        ("train_loss = \"Table", "trainloss = \"Table", "where does 'train_loss' of row .*alexnet_64.* Say it as 'train_loss' in .where."),
        ("percent = true", "percent = false", "study srivastava: .*accuracy 9.* is no share of 1; .*percent = true"),
        ("plateau = {", "plato = {", "recipe srivastava: unknown key 'plato'"),
    ],
)  # fmt: skip
def test_a_published_table_that_cannot_be_meant_is_refused(edited, old, new, complaint):
    with pytest.raises(TableError, match=complaint):
        edited(old, new, "published/srivastava.toml")


def test_the_place_of_all_parameter_counts_is_one(edited):
    with pytest.raises(TableError, match="where does 'total' of row .* Say it as 'parameters'"):
        edited("parameters = ", "counts = ", "published/afif.toml")


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
    assert (cell.data_shape, cell.classes) == (data.x_train.shape[1:], len(data.classes))
