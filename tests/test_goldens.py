"""What every network computes, held against goldens: text of its graph, and numbers of its blocks.

The graph of every model is compared word for word, its blocks' numbers within one tolerance: they
survive a refactoring, and both backends meet them. ``pytest --update-goldens`` writes what has changed,
shows it and fails once.
"""

import functools
import re

import numpy as np
import pytest

import zoo
from tests import golden_files, golden_numbers, small_networks, whole_models
from tests.conftest import changes
from tests.golden_files import FOLDER, TOLERANCE, apart

pytestmark = pytest.mark.quick
KEYS = {"outputs", "losses", "trained", "regularisation", "spread"}
SAMPLING = 0.03  # five standard errors of a deviation estimated from 36,864 numbers, twice


@functools.cache
def native_graph(name):
    from zoo.graph import graph

    return graph(small_networks.native(name))


def costs(name):
    """A line of what a model costs."""
    from zoo.cost import cost

    price = cost(small_networks.native(name))
    assert not (price.uncounted and small_networks.stand_for(name)), f"the suite's own {name} is counted in whole"
    line = (
        f"{price.parameters:,} parameters, {price.trainable:,} trainable, {price.said(f'{price.macs:,}')} macs, "
        f"{price.activation_bytes:,} activation bytes"
    )
    return line + (f", not counted: {', '.join(map(unnumbered, price.uncounted))}" if price.uncounted else "")


def unnumbered(text):
    """A text without the numbers that Keras gives to names: how many of a kind a process has made before."""
    return re.sub(r"(?<=[a-z])_\d+\b", "", text)


@pytest.mark.parametrize("name", zoo.names())
def test_the_graph_and_the_costs_of_a_model_are_those_of_its_golden(name, update):
    refused = ""
    try:
        now = f"{costs(name)}\n{native_graph(name)}\n"
    except NotImplementedError as error:
        refused = unnumbered(str(error))
        now = f"{costs(name)}\n{refused}\n"
    path = golden_files.path(name, ".txt")
    if update and not (path.exists() and path.read_text() == now):
        update(path, now)
    if golden_files.read(path) != now:
        difference = changes(path.read_text(), now)
        pytest.fail(f"{name} is not what it was; if it is meant, pytest --update-goldens\n{difference}", pytrace=False)
    if refused:
        pytest.skip(f"graph of {name}: {refused}")


def test_every_golden_is_of_something():
    for folder, names in golden_files.folders().items():
        whole, small = {*names} & {*whole_models.names()}, {*small_networks.BUILDERS} if folder == FOLDER else set()
        assert set() == whole & small, "the small networks of the suite have these names: name these models otherwise"
        known = {f"{name}.txt" for name in names} | {f"{name}.toml" for name in whole | small}
        found = {path.name for path in folder.iterdir()} if folder.exists() else set()
        assert set() == found - known, f"these, in {folder}, are of no model and no specimen: delete them"


def numbers(name):
    """The numbers of a specimen's golden: key -> list of float."""
    path = FOLDER / f"{name}.toml"
    found = golden_files.numbers(path)
    if found.keys() != KEYS:
        pytest.fail(f"{path} has {', '.join(found)}, not {', '.join(sorted(KEYS))}; pytest --update-goldens mends it", pytrace=False)
    return found


def kinds(graph):
    """The operations of a graph without their numbers."""
    return {re.sub(r"<-.*|(?<=[=x ,:])[\d.]+(e-\d+)?", "", line).strip() for line in graph.splitlines() if not line.endswith(" x")}


@functools.cache
def covered(file):
    """Kinds of operation in the specimens of a file of the zoo."""
    from zoo.graph import graph

    return {kind for builder in small_networks.SPECIMENS.get(file, ()) for kind in kinds(graph(zoo.weightless(builder)))}


@pytest.mark.parametrize("name", list(filter(small_networks.stand_for, zoo.names())))
def test_every_kind_of_operation_of_a_model_is_in_a_specimen_of_its_file(name):
    missing = kinds(native_graph(name)) - covered(zoo.models()[name].module)
    assert set() == missing, f"no specimen in tests/small_networks.py has these of {name}"


@pytest.fixture(scope="module", params=small_networks.BUILDERS)
def specimen(request):
    """What a specimen did, computed once for all the tests below."""
    return golden_numbers.examined(request.param)


def test_answers_losses_and_what_training_leaves_are_those_of_the_golden(specimen, update, tmp_path, monkeypatch):
    if update:
        renew(specimen, update, tmp_path, monkeypatch)
    expected = numbers(specimen.name)
    beyond = {key: away for key, seen in specimen.numbers.items() if (away := apart(expected[key], seen)) > TOLERANCE}
    assert {} == beyond, (
        f"{specimen.name}: so far from the golden, in shares of its largest number; if it is meant, pytest --update-goldens"
    )


def renew(specimen, update, tmp_path, monkeypatch):
    name = specimen.name
    with golden_files.float64():
        exact = golden_numbers.examine(name, tmp_path, monkeypatch).numbers
    for key, numbers in specimen.numbers.items():
        if apart(exact[key], numbers) > TOLERANCE:
            pytest.fail(f"{key} of {name}: this backend's float32 and float64 do not agree; write it on another", pytrace=False)
    exact["spread"] = golden_numbers.spread(name)
    path = FOLDER / f"{name}.toml"
    old = golden_files.numbers(path) if path.exists() else {}
    stale = [key for key in exact if apart(old.get(key, []), exact[key]) > (SAMPLING if key == "spread" else TOLERANCE)]
    if stale or old.keys() != exact.keys():
        update(path, golden_files.toml({key: exact[key] if key in stale else old[key] for key in exact}))


def test_every_trainable_weight_is_moved_by_training(specimen):
    assert [] == specimen.unmoved


def test_a_bias_before_normalisation_is_moved_by_rounding_alone(specimen):
    assert max(specimen.cancelled.values(), default=0) < 1e-5


def test_the_answer_to_an_image_does_not_depend_on_the_others_of_its_batch(specimen):
    assert specimen.alone < 1e-6


def test_a_network_saved_and_loaded_is_the_same(specimen):
    assert (specimen.graph, True) == specimen.loaded


def test_initial_weights_spread_as_the_golden_says(specimen, update):
    if update:
        pytest.skip("written with the other numbers")
    np.testing.assert_allclose(specimen.spread, numbers(specimen.name)["spread"], rtol=SAMPLING)
