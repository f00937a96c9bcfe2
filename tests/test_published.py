"""The tables of the studies: complete, and consistent with the studies' text and numbers of images."""

import pytest

import loaders
from baselines import store
from baselines.cells import cells
from baselines.tables import ACCURACIES, COUNTS, LOSSES, studies

pytestmark = pytest.mark.quick


def of_study(study):
    return [cell for cell in cells().values() if cell.study == study]


def test_the_afif_study_prints_five_networks_on_four_data_sets_in_47_hours():
    mine = of_study("afif")
    assert (20, 5, 4) == (len(mine), len({cell.model for cell in mine}), len({cell.dataset for cell in mine}))
    assert all({*COUNTS, "accuracy", "seconds"} == cell.published.keys() for cell in mine)
    assert 170630 == sum(cell.published["seconds"] for cell in mine)


def test_the_srivastava_study_prints_three_networks_on_three_data_sets():
    mine = of_study("srivastava")
    assert (9, 3, 3) == (len(mine), len({cell.model for cell in mine}), len({cell.dataset for cell in mine}))
    assert all({*ACCURACIES[:3], *LOSSES} == cell.published.keys() - {"epoch_seconds"} for cell in mine)


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


def test_accuracies_of_the_imagenet32_study_are_named_as_in_its_text():
    found = {key: [cell.model for cell in of_study("imagenet32") if key in cell.published] for key in ACCURACIES if key != "train_accuracy"}
    assert {
        "accuracy": ["imagenet32_cnn", "densenet121_transfer_swish", "densenet121_finetune_1", "densenet121_finetune_2"],
        "validation_accuracy": [
            "imagenet32_cnn",
            "densenet121_transfer_relu",
            "densenet121_own_2",
            "densenet121_finetune_1",
            "densenet121_finetune_2",
            "densenet121_finetune_3",
        ],
        "held_out_accuracy": ["searched_cnn", "searched_cnn"],
        "stated_accuracy": ["alexnet_imagenet32"],
    } == found


def test_the_searchs_test_accuracy_without_a_data_set_belongs_to_no_cell():
    (figure,) = studies()["imagenet32"]["unassigned"]
    assert ("searched_cnn", 0.3015) == (figure["model"], figure["accuracy"])


# Images that a study validates, holds out or tests: a tenth of 60,000 and 50,000; from the search's epochs; as printed.
IMAGES = {
    "srivastava": {"mnist": 6000, "fashion_mnist": 6000, "cifar10": 5000},
    "imagenet32_search": {"tiny_imagenet": 500, "cifar10": 500},
    "imagenet32_finetune_2": {"cifar10": 100},
    "imagenet32_finetune_3": {"cifar10": 100},
}


@pytest.mark.parametrize(
    "cell", [cell for cell in cells().values() if {cell.study, cell.recipe_name} & IMAGES.keys()], ids=lambda cell: cell.id
)
def test_an_accuracy_on_few_images_is_a_share_of_them(cell):
    images = (IMAGES.get(cell.recipe_name) or IMAGES[cell.study])[cell.dataset]
    printed = {key: cell.published[key] for key in ("validation_accuracy", "held_out_accuracy") if key in cell.published}
    assert printed
    assert printed == {key: round(round(share * images) / images, 4) for key, share in printed.items()}


def test_per_cents_become_shares_and_losses_do_not_change():
    table = studies()["srivastava"]
    assert table["percent"]
    for row, cell in zip(table["cells"]["rows"], of_study("srivastava"), strict=True):
        shares = {key: round(100 * cell.published[key], 9) for key in ("accuracy", "train_accuracy", "validation_accuracy")}
        assert shares == {key: row[key] for key in shares}
        losses = {key: row[key] for key in ("loss", "train_loss", "validation_loss")}
        assert losses == {key: cell.published[key] for key in losses}


def test_an_input_has_the_recipes_size_and_the_data_sets_channels():
    sizes = {cell.dataset: (cell.shape, cell.data_shape) for cell in of_study("srivastava")}
    assert {"mnist": ((64, 64, 1), (28, 28, 1)), "cifar10": ((64, 64, 3), (32, 32, 3))}.items() <= sizes.items()
    cell = cells()["lenet5-mnist-afif"]  # whose recipe has no size
    assert (28, 28, 1) == cell.shape == cell.data_shape


def test_choices_that_a_study_does_not_state_are_marked_as_ours():
    recipes = [recipe for study, table in studies().items() if study != "ours" for recipe in table["recipes"].values()]
    assert all(recipe["note"].startswith("ours") for recipe in recipes)


def test_the_quick_tier_gates_lenet_on_mnist_at_98_percent_and_on_digits():
    quick = {(cell.model, cell.dataset): cell.floor for cell in cells().values() if cell.quick}
    assert {("lenet5", "mnist"): 0.98, ("lenet5", "digits"): 0.89} == quick


def test_every_accepted_record_is_of_a_cell_in_a_table():
    accepted = {each.cell for each in store.every(store.folders()[0], []) if each.accepted}
    gone = accepted - cells().keys()
    assert not gone, f"put the rows of {', '.join(sorted(gone))} back into their tables, or take them out of accepted.toml"


@pytest.mark.parametrize("cell", {cell.data: cell for cell in cells().values()}.values(), ids=lambda cell: cell.dataset)
def test_the_images_are_as_large_as_the_tables_say(cell, data_root):
    try:
        data = loaders.load(cell.data, data_root, download=False)
    except loaders.DataMissing as missing:
        pytest.skip(str(missing))
    assert (cell.data_shape, cell.classes) == (data.x_train.shape[1:], len(data.classes))
