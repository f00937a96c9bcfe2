"""Trained accuracy: the floor, then the accepted records of this machine."""

import pytest


@pytest.mark.quick
def test_quick_cell_reaches_its_floor(record, verdict):
    given = verdict("accuracy")
    assert not given.red, given.why


@pytest.mark.full
def test_accuracy(record, verdict):
    given = verdict("accuracy")
    assert not given.red, given.why
