"""What every network computes, held against goldens: text of its graph, and numbers of its blocks.

The graph of every model is compared word for word, its blocks' numbers within one tolerance: they
survive a refactoring, and both backends meet them. ``pytest --update-goldens`` writes what has changed,
shows it and fails once.
"""

import contextlib
import functools
import json
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest

import zoo
from tests import golden_numbers, small_networks
from tests.conftest import changes

pytestmark = pytest.mark.quick
FOLDER = Path(__file__).parent / "goldens"

# Of the largest number of its kind, held in float64. Measured: 1.4e-6 before training, 4.8e-5 after three
# steps, where TensorFlow's fused normalisation keeps an unbiased variance; its float64 and JAX do not.
TOLERANCE = 2**-13
KEYS = {"outputs", "losses", "trained", "regularisation", "spread"}
SAMPLING = 0.03  # five standard errors of a deviation estimated from 36,864 numbers, twice


def golden(name):
    path = FOLDER / name
    if not path.exists():
        pytest.fail(f"there is no {path}: write it with pytest --update-goldens, and look at what it says", pytrace=False)
    return path.read_text()


@functools.cache
def native_graph(name):
    from zoo.graph import graph

    return graph(small_networks.native(name))


def text(name):
    from zoo.cost import cost

    *numbers, uncounted = cost(small_networks.native(name))._asdict().items()
    assert ("uncounted", ()) == uncounted
    costs = ", ".join(f"{number:,} {what.replace('_', ' ')}" for what, number in numbers)
    return f"{costs}\n{native_graph(name)}\n"


@pytest.mark.parametrize("name", zoo.names())
def test_the_graph_and_the_costs_of_a_model_are_those_of_its_golden(name, update):
    now, path = text(name), FOLDER / f"{name}.txt"
    if update and not (path.exists() and path.read_text() == now):
        update(path, now)
    if golden(path.name) != now:
        pytest.fail(f"{name} is not what it was; if it is meant, pytest --update-goldens\n{changes(golden(path.name), now)}", pytrace=False)


def test_every_golden_is_of_something():
    known = {f"{name}.txt" for name in zoo.names()} | {f"{name}.toml" for name in small_networks.BUILDERS}
    assert set() == {path.name for path in FOLDER.iterdir()} - known, "these are of no model and no specimen: delete them"


def numbers(name):
    """The numbers of a specimen's golden: key -> list of float."""
    try:
        found = tomllib.loads(golden(f"{name}.toml"))
    except tomllib.TOMLDecodeError as error:
        pytest.fail(f"{FOLDER / name}.toml is not TOML: {error}; delete it, or take it back from git", pytrace=False)
    if found.keys() != KEYS:
        pytest.fail(
            f"{FOLDER / name}.toml has {', '.join(found)}, not {', '.join(sorted(KEYS))}; pytest --update-goldens mends it", pytrace=False
        )
    return found


def kinds(graph):
    """The operations of a graph without their numbers."""
    return {re.sub(r"<-.*|(?<=[=x ,:])[\d.]+(e-\d+)?", "", line).strip() for line in graph.splitlines() if not line.endswith(" x")}


@functools.cache
def covered(file):
    """Kinds of operation in the specimens of a file of the zoo."""
    from zoo.graph import graph

    return {kind for builder in small_networks.SPECIMENS.get(file, ()) for kind in kinds(graph(zoo.weightless(builder)))}


@pytest.mark.parametrize("name", [name for name, model in zoo.models().items() if model.module in small_networks.SPECIMENS])
def test_every_kind_of_operation_of_a_model_is_in_a_specimen_of_its_file(name):
    missing = kinds(native_graph(name)) - covered(zoo.models()[name].module)
    assert set() == missing, f"no specimen in tests/small_networks.py has these of {name}"


@pytest.fixture(scope="module", params=small_networks.BUILDERS)
def specimen(request):
    """What a specimen did, computed once for all the tests below."""
    return golden_numbers.examined(request.param)


def apart(expected, numbers):
    """Greatest difference in shares of the largest expected number; infinite where a number is none, or one too many."""
    if len(expected) != len(numbers) or not np.isfinite(numbers).all():
        return np.inf
    return np.abs(np.subtract(expected, numbers)).max() / (np.abs(expected).max() or 1)


@contextlib.contextmanager
def float64():
    """Keras, and JAX under it, compute in double precision."""
    import keras

    jax = pytest.importorskip("jax") if keras.backend.backend() == "jax" else None
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    small_networks.forget()
    try:
        with jax.enable_x64(True) if jax else contextlib.nullcontext():
            yield
    finally:
        keras.config.set_floatx("float32")
        keras.config.set_dtype_policy("float32")
        small_networks.forget()


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
    with float64():
        exact = golden_numbers.examine(name, tmp_path, monkeypatch).numbers
    for key, numbers in specimen.numbers.items():
        if apart(exact[key], numbers) > TOLERANCE:
            pytest.fail(f"{key} of {name}: this backend's float32 and float64 do not agree; write it on another", pytrace=False)
    exact["spread"] = golden_numbers.spread(name)
    path = FOLDER / f"{name}.toml"
    old = tomllib.loads(path.read_text()) if path.exists() else {}
    stale = [key for key in exact if apart(old.get(key, []), exact[key]) > (SAMPLING if key == "spread" else TOLERANCE)]
    if stale or old.keys() != exact.keys():
        kept = {key: exact[key] if key in stale else old[key] for key in exact}
        rounded = {key: [float(f"{number:.8g}") for number in numbers] for key, numbers in kept.items()}
        update(path, "".join(f"{key} = {json.dumps(numbers)}\n" for key, numbers in rounded.items()))


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
