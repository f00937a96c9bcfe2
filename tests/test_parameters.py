"""Every parameter count that a study prints equals that of our network."""

import math

import pytest

from baselines.cells import cells
from baselines.tables import COUNTS
from tests.small_networks import built

pytestmark = pytest.mark.quick
PRINTED = [cell for cell in cells().values() if cell.published.keys() & set(COUNTS)]


def counts(cell):
    model = built(cell.model, cell.shape, cell.classes)
    trainable = sum(math.prod(weight.shape) for weight in model.trainable_weights)
    return {"total": model.count_params(), "trainable": trainable, "non_trainable": model.count_params() - trainable}


@pytest.mark.parametrize("printed", PRINTED, ids=lambda cell: cell.id)
def test_counts_are_those_that_the_study_prints(printed):
    expected = {key: printed.published[key] for key in COUNTS if key in printed.published}
    ours = counts(printed)
    assert expected == {key: ours[key] for key in expected}


def test_the_afif_study_prints_sixty_counts():
    assert 60 == sum(len(cell.published.keys() & set(COUNTS)) for cell in PRINTED if cell.study == "afif")
