"""Which records a comparison is of, what its reference is, and what is compared with what."""

import datetime

import pytest

from baselines import report
from baselines.report.select import Choice, ChoiceError
from tests.self.baselines.comparisons import CELL, GATE, OTHER, THIRD, VERSIONS, A, B, C, made, several

pytestmark = pytest.mark.self
HALF = "chip-a_tensorflow_mixed_bfloat16"
EVERY = [
    made(machine=B),
    made(OTHER, B),
    made(machine=C, when="2026-01-02T00:00:00+00:00"),
    made(GATE, name="nightly", when="2026-01-03T00:00:00+00:00"),
    made(name="nightly", when="2026-01-03T00:00:00+00:00"),
    made(OTHER, name="after", when="2026-01-04T00:00:00+00:00"),
    made(name="after", when="2026-01-04T00:00:00+00:00", seed=1),
]


def compared(stored=EVERY, **choice):
    return report.comparison(stored, Choice(**choice))


def shown(made):
    return [(row.cell, row.place.partition(",")[0]) for row in made.rows if row.kind == "measured"]


def test_without_options_the_newest_machine_is_held_against_that_with_most_cells_in_common():
    found = compared()
    assert ("chip-a, tensorflow float32", "chip-b, tensorflow float32") == (found.here, found.against)
    assert {"A": "chip-a, tensorflow float32", "B": "chip-b, tensorflow float32", "C": "chip-c, jax float32"} == {
        letter: place for place, letter in found.letters.items() if letter < "D"
    }


def test_without_a_cell_in_common_the_reference_is_what_is_published():
    assert "published" == compared([made(), made(OTHER, B), made(when="2026-02-01T00:00:00+00:00")]).against
    assert "published" == compared([made()]).against
    apart = [made(machine=HALF, former=True), made(machine=B), made(when="2026-02-01T00:00:00+00:00")]
    assert "chip-b, tensorflow float32" == compared(apart, machines=("chip-a",)).against, "one that was not chosen has cells in common"
    assert "published" == compared(against="published").against


def test_options_choose_machines_cells_studies_and_days():
    assert {"chip-c", "chip-a"} == {place for _, place in shown(compared(machines=("jax", "chip-a")))}
    assert "chip-c, jax float32" == compared(machines=("jax", "chip-a")).here, "the first that is named"
    assert {CELL, GATE} == {cell for cell, _ in shown(compared(cells=("lenet5-*",)))}
    assert {GATE} == {cell for cell, _ in shown(compared(studies=("ours",)))}
    later = compared(since=datetime.date(2026, 1, 4))
    assert [row for row in later.rows if row.place == later.here and row.when < "2026-01-04"] == []
    assert [OTHER, CELL] == sorted((row.cell for row in later.rows if row.place == later.here), reverse=True)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"machines": ("chip-z",)}, f"--machine=chip-z matches nothing; known: {B}, {C}, {A}, .*"),
        ({"cells": ("lenet5-*", "x*")}, rf"--cell=x\* matches nothing; known: {CELL}, {OTHER}, {GATE}, .*"),
        ({"studies": ("smith",)}, "--study=smith: no such study; known: .*afif.*"),
        ({"machines": ("chip-",), "studies": ("srivastava",)}, "--study=srivastava matches nothing; known: afif, ours"),
        ({"since": datetime.date(2026, 2, 1)}, "--since=2026-02-01: the newest of those records is of 2026-01-04"),
        ({"against": "chip-z"}, f"--against=chip-z matches nothing; known: published, {B}, {C}, .*, x, nightly, after"),
    ],
)
def test_an_option_that_matches_nothing_names_what_is_known(choice, expected):
    with pytest.raises(ChoiceError, match=f"^{expected}$"):
        compared(**choice)


def test_a_session_is_a_reference_whose_records_are_in_no_other_row():
    found = compared(against="nightly")
    assert "chip-a, tensorflow float32, session nightly" == found.against
    (row,) = (row for row in found.rows if row.cell == CELL and row.place == found.here)
    assert ((1,), 1.0) == (row.seeds, row.ratio.value)
    with pytest.raises(ChoiceError, match="every record of chip-a_tensorflow_float32 is of that session"):
        compared([made(), made(OTHER)], against="x")


def test_of_machines_with_the_same_name_that_of_equal_precision_and_backend_is_the_reference():
    stored = [made(machine=HALF), made(machine="chip-a2_jax_float32"), made(machine="chip-a2_tensorflow_float32"), made(machine=B)]
    assert "chip-a2, tensorflow float32" == compared(stored, against="chip-a").against


def test_other_data_or_another_recipe_is_marked_and_has_no_ratio():
    newer = {"when": "2026-02-01T00:00:00+00:00"}
    stored = [
        made(machine=B),
        made(fingerprint="beef", seed=1, **newer),
        made(former=True, seed=2, **newer),
        made(epochs_option=1, **newer),
    ]
    found = {
        row.marks: row.ratio for row in compared([*stored, made(OTHER, **newer)], against="chip-b", all=True).rows if row.place[5] == "a"
    }
    assert {("other data",): None, ("former recipe", "other recipe"): None, ("--epochs 1", "other recipe"): None, (): None} == found


def test_samples_of_equal_data_have_a_ratio_and_a_mark():
    stored = [made(machine=B, kind="sample"), made(kind="sample", when="2026-02-01T00:00:00+00:00", commit={"id": "1", "dirty": True})]
    (row,) = (row for row in compared(stored).rows if row.place == "chip-a, tensorflow float32")
    assert (("sample", "uncommitted code"), 1.0, 0.0) == (row.marks, row.ratio.value, row.accuracy_change.value)


def test_versions_are_never_mixed_in_a_row_and_the_reference_is_that_of_equal_versions():
    old = {"keras": "3.9.0", "tensorflow-cpu": "2.21.0", "numpy": "1"}
    stored = [*several(2, machine=B), *several(3, machine=B, versions=old), made(versions=VERSIONS), made(versions=old, seed=7)]
    found = compared([*stored, made(when="2026-03-01T00:00:00+00:00", python="3.12.1")], all=True)
    mine = {(row.versions["keras"], row.versions["python"]): row for row in found.rows if row.place == found.here}
    assert [1, 1, 1] == [row.accuracy.n for row in mine.values()]
    assert ((), ()) == (mine["3.15.1", "3.11.7"].marks, mine["3.9.0", "3.11.7"].marks)
    assert ("python 3.12, not 3.11",) == mine["3.15.1", "3.12.1"].marks


def test_new_records_have_a_row_apart_from_the_accepted_ones_and_older_ones_only_with_all():
    old = {"graph": "z", "recipes": "b", "training": "c", "loader": "d"}
    stored = [*several(3, accepted=True), made(seed=5, code=old), made(seed=6, accuracy=0.5, when="2026-03-01T00:00:00+00:00")]
    assert [("REGRESSED (accuracy)", 0.5), ("accepted", 0.98)] == [
        (row.verdict, round(row.accuracy.value, 6)) for row in compared(stored).rows if row.kind == "measured"
    ]
    assert ["REGRESSED (accuracy)", "accepted", "former", "published"] == [row.verdict for row in compared(stored, all=True).rows]


def test_cells_stand_in_the_order_of_their_worst_verdict_and_those_of_the_compared_machine_before_others():
    good = [*several(3, THIRD, accepted=True), *several(3, machine=B), made(GATE, B), *several(3, OTHER, accepted=True)]
    found = compared([*good, made(OTHER, accuracy=0.1, seed=9), made(seed=9, when="2026-03-01T00:00:00+00:00")])
    expected = [(OTHER, "chip-a"), (OTHER, "chip-a"), (CELL, "chip-a"), (CELL, "chip-b"), (THIRD, "chip-a"), (GATE, "chip-b")]
    assert expected == shown(found), "the last has no baseline, and is on another machine"
    red = compared([*several(3, GATE, B, accepted=True), made(GATE, B, accuracy=0.1, seed=8), made(when="2026-03-01T00:00:00+00:00")])
    assert (GATE, "chip-b") == shown(red)[0], "what is red is first on any machine"


def test_the_cells_of_the_newest_session_stand_before_others_that_are_not_red():
    """Its cells are last in the studies' tables and have the best verdict: without an order of their own, nobody would find them."""
    disturbed = made(CELL, name="queue", seconds=(), others=0.9)
    mine = [*several(3, GATE, accepted=True), made(GATE, name="mine", seed=9, when="2026-03-01T00:00:00+00:00")]
    assert [GATE, GATE, CELL] == [cell for cell, _ in shown(compared([disturbed, *mine]))]
    red = [*several(3, OTHER, accepted=True), made(OTHER, name="queue", accuracy=0.1, seed=8)]
    assert [OTHER, OTHER, GATE, GATE, CELL] == [cell for cell, _ in shown(compared([disturbed, *red, *mine]))]


def test_a_machine_with_short_trainings_only_is_not_the_one_that_is_compared():
    assert "chip-b, tensorflow float32" == compared([made(machine=B), made(epochs_option=1, when="2026-03-01T00:00:00+00:00")]).here
    assert "chip-a, tensorflow float32" == compared([made(epochs_option=1)]).here


def test_verdicts_are_those_of_all_records_whatever_is_chosen():
    good = [*several(3, machine=B, accepted=True, accuracies=(0.98, 0.981, 0.982)), made(accuracy=0.5)]
    found = compared(good, machines=("chip-a",))
    assert ["REGRESSED (accuracy)"] == [row.verdict for row in found.rows if row.place == found.here]
    assert 1 == len(found.red)
    assert [] == compared(good, machines=("chip-b",)).red
