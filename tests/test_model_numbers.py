"""The numbers of each model that no small network stands for, held against goldens: a newcomer's, a project's.

What a golden holds is checked: outputs and the first loss, the losses and answers of three steps of training
where float32 and float64 agree on them, or nothing where the golden says why.
"""

import numpy as np
import pytest

from tests import golden_files, whole_models
from tests.golden_files import TOLERANCE, apart

pytestmark = pytest.mark.quick
NAMES = whole_models.names()
__test__ = bool(NAMES)  # else pytest would report that a test is skipped
KEYS = ({"left_out"}, {"outputs", "regularisation", "losses"}, {"outputs", "regularisation", "losses", "trained"})


@pytest.mark.parametrize("name", NAMES)
def test_answers_and_losses_of_a_model_are_those_of_its_golden(name, update):
    path = golden_files.path(name, ".toml")
    if update:
        renew(name, path, update)
    expected = golden_files.numbers(path)
    if expected.keys() not in KEYS:
        pytest.fail(f"{path} has {', '.join(expected)}; pytest --update-goldens mends it", pytrace=False)
    if "left_out" in expected:
        pytest.skip(f"numbers of {name}: {expected['left_out']}")
    seen, *_ = whole_models.examine(name, len(expected["losses"]))
    beyond = {key: away for key in expected if (away := apart(expected[key], seen[key])) > TOLERANCE}
    assert {} == beyond, f"{name}: so far from the golden, in shares of its largest number; if it is meant, pytest --update-goldens"
    sums = np.sum(np.reshape(seen["outputs"], (whole_models.golden_numbers.IMAGES, -1)), axis=1)
    np.testing.assert_allclose(sums, 1, atol=1e-5, err_msg=f"{name} answers no probabilities: end it in a softmax")


def renew(name, path, update):
    old = golden_files.numbers(path) if path.exists() else {}
    new = whole_models.golden(name)
    known = "left_out" in old if "left_out" in new else all(apart(old.get(key, []), new[key]) <= TOLERANCE for key in new)
    if not known or old.keys() != new.keys():
        update(path, golden_files.toml(new))
