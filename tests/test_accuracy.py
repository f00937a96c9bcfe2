"""Trained accuracy: the floor, then the accepted records of this machine."""

import pytest


@pytest.mark.quick
def test_quick_cell_reaches_its_floor(record, verdict):
    judged = verdict("accuracy")
    assert not judged.red, judged.why


@pytest.mark.full
def test_accuracy(record, verdict):
    judged = verdict("accuracy")
    assert not judged.red, judged.why
