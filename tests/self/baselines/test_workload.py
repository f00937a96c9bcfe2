"""What an epoch of a cell computes and moves, which expected times rest on."""

import re

import pytest

import zoo
from baselines import store
from baselines.cells import cells
from baselines.report import workload
from tests.self.baselines import fake_training

MODELS = {cell.model: None for cell in cells().values() if cell.study != "own"}
SLOW = [model for model in MODELS if zoo.models()[model].module == "densenet"]  # to build


@pytest.mark.parametrize(
    "model", [pytest.param(model, marks=getattr(pytest.mark, "slow" if model in SLOW else "self")) for model in MODELS]
)
def test_costs_toml_has_what_the_networks_of_the_cells_cost(model, update):
    from zoo.cost import cost

    now, prices = workload.COSTS.read_text(), {}
    for cell in cells().values():
        if cell.model == model:
            network = (cell.model, cell.shape, cell.classes)
            price = prices[network] = prices.get(network) or zoo.weightless(lambda network=network: cost(zoo.build(*network)))
            line = f"{cell.id} = {{ macs = {price.macs}, activation_bytes = {price.activation_bytes} }}\n"
            now = re.sub(rf"^{cell.id} = .*\n", "", now, flags=re.MULTILINE) if line not in now else now
            now += "" if line in now else line
    if update and now != workload.COSTS.read_text():
        update(workload.COSTS, now)
    assert workload.COSTS.read_text() == now, (
        'write it with: pytest -m "self or slow" --update-goldens tests/self/baselines/test_workload.py'
    )


@pytest.mark.self
def test_every_cell_of_the_suite_and_no_other_has_costs():
    assert {cell.id for cell in cells().values() if cell.study != "own"} == workload.costs().keys()


@pytest.mark.self
def test_the_workload_of_a_cell_is_that_of_its_stored_records():
    """Of those that take whole passes over the published data; a search's and a project's have none."""
    stored = store.records()
    found = [each for each in stored if each.record["data"]["kind"] == "canonical"]
    assert 20 < len(found)
    for each in found:
        assert workload.of_cell(cells()[each.cell], stored) == workload.of_record(each.record)
        assert workload.costs()[each.cell]["macs"] == each.record["macs"]


@pytest.mark.self
@pytest.mark.parametrize(
    ("cell", "images", "steps", "share"),
    [
        ("lenet5-mnist-afif", 60_000, 469, 1),
        ("vgg16-mnist-srivastava_l2", 54_000, 422, 1),  # a tenth is held out
        ("imagenet32_cnn-tiny_imagenet-imagenet32_cnn", 256_000, 2000, 1),
        ("densenet121_finetune_2-cifar10-imagenet32_finetune_2", 3000, 188, 1),
        ("densenet121_transfer_relu-cifar10-imagenet32_transfer", 50_000, 3125, 1 / 3),  # a frozen body is not trained
        ("densenet121_finetune_1-cifar10-imagenet32_finetune_1", 50_000, 782, 1),
    ],
)
def test_an_epoch_has_the_images_and_the_work_that_its_recipe_says(cell, images, steps, share):
    work, cost = workload.of_cell(cells()[cell]), workload.costs()[cell]
    assert (images, steps) == work[:2]
    assert pytest.approx(share * images * 6 * cost["macs"]) == work.flops
    assert pytest.approx(share * images * workload.PASSES * cost["activation_bytes"]) == work.moved


@pytest.mark.self
def test_a_search_and_data_of_unknown_size_have_no_workload():
    assert workload.of_cell(cells()["searched_cnn-cifar10-imagenet32_search"]) is None
    digits = cells()["lenet5-digits-digits_lenet"]
    assert workload.of_cell(digits) is None
    assert 1437 == workload.of_cell(digits, store.records()).images
    assert workload.of_record(fake_training.record()) is not None
    assert workload.of_record(fake_training.record(trials=[{"seconds": 9.0}])) is None
    assert workload.of_record({**fake_training.record(), "cell": "gone-mnist-afif"}) is None


@pytest.mark.self
def test_a_cell_of_a_project_costs_what_the_same_network_or_its_models_golden_says(tmp_path, monkeypatch):
    lenet, vgg = cells()["lenet5-mnist-afif"], cells()["vgg_like-mnist-afif"]
    mine = lenet._replace(id="lenet5-mnist-mine")
    assert workload.of_cell(lenet) == workload.of_cell(mine)
    assert workload.of_cell(vgg) != workload.of_cell(mine)
    assert workload.of_cell(mine._replace(model="tiny")) is None
    monkeypatch.setattr(workload.project, "folder", lambda: tmp_path)
    (tmp_path / "goldens").mkdir()
    golden = tmp_path / "goldens" / "tiny.txt"
    golden.write_text("7 parameters, 7 trainable, 1,200 macs, 3,400 activation bytes\ninput 28x28x1\nFlatten\n")
    assert (60_000 * 6 * 1200, 60_000 * workload.PASSES * 3400) == workload.of_cell(mine._replace(model="tiny"))[2:]
    assert workload.of_cell(mine._replace(model="tiny", shape=(32, 32, 1))) is None, "the golden is of another size"
    golden.write_text(golden.read_text().replace("1,200 macs", "at least 1,200 macs"))
    assert workload.of_cell(mine._replace(model="tiny")) is None
