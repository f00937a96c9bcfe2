"""Trained accuracy: the floor, then the accepted runs of this machine."""

import pytest


@pytest.mark.quick
def test_quick_cell_reaches_its_floor(run, cell, judged):
    verdict = judged("accuracy")
    assert cell.floor is not None
    assert not verdict.red, verdict.why


@pytest.mark.full
def test_accuracy(run, judged):
    verdict = judged("accuracy")
    assert not verdict.red, verdict.why
