"""Trained accuracy: the floor, then the accepted records of any machine; at last all cells together."""

import pytest


@pytest.mark.quick
def test_quick_cell_keeps_its_accuracy(record, verdict):
    judged = verdict("accuracy")
    assert not judged.red, judged.why


@pytest.mark.full
def test_accuracy(record, verdict):
    judged = verdict("accuracy")
    assert not judged.red, judged.why


@pytest.mark.full
def test_all_cells_together_keep_their_accuracy(together):
    assert not together.red, together.why
