"""The answer in words, against records with known ratios and changes of accuracy."""

import datetime
import math

import pytest

from baselines import judge, report
from baselines.cells import cells
from baselines.report import select
from baselines.report.select import Choice
from tests.self.baselines.comparisons import CELL, GATE, OTHER, THIRD, A, B, made, several

pytestmark = pytest.mark.self
FOUR = (CELL, OTHER, THIRD, GATE)


def answer(stored, **choice):
    return report.comparison(stored, Choice(**choice)).answer


def line(found, start):
    """The sentence that begins so."""
    (sentence,) = (each for each in found if each.startswith(start))
    return sentence


def speed(found):
    (sentence,) = (each for each in found if " an epoch takes " in each)
    return sentence


def on_two(ratios, changes=None, **values):
    """Records of cells on B, and on A, the newer one, with these ratios and changes of accuracy."""
    changes = changes or [0.0] * len(ratios)
    older = [made(cell, B, seconds=(2.0, 3.0), accuracy=0.9, when="2025-12-01T00:00:00+00:00") for cell in FOUR[: len(ratios)]]
    pairs = zip(FOUR, ratios, changes, strict=False)
    return older + [made(cell, A, seconds=(2.0 * ratio, 9.0), accuracy=0.9 + change, **values) for cell, ratio, change in pairs]


def test_the_machine_of_the_newest_record_is_held_against_the_other_by_the_geometric_mean_over_cells():
    from scipy import stats

    ratios = [0.5, 0.6, 0.55, 0.7]
    found = answer(on_two(ratios))
    low, high = stats.ttest_1samp([math.log(each) for each in ratios], 0).confidence_interval()
    assert "A is chip-a, tensorflow float32; it is compared with B, chip-b, tensorflow float32." == found[0]
    mean = stats.gmean(ratios)
    expected = f"A is faster than B, {1 / mean:.3g} times as fast: an epoch takes {mean:.3g} times as long on A"
    assert f"{expected} (95 % interval {math.exp(low):.3g} to {math.exp(high):.3g}; geometric mean over 4 cells)." == speed(found)


@pytest.mark.parametrize(
    ("ratios", "head"),
    [
        ([2.0, 2.1, 2.2], "A is slower than B: an epoch takes 2.1 times as long on A ("),
        ([0.5, 2.0, 1.0], "No difference in speed is seen to B: an epoch takes 1.000 "),
        ([1.004, 1.0041, 1.0042], "A is as fast as B: an epoch takes 1.004 times as long on A (95 % interval 1.004 to 1.004;"),
    ],
)
def test_the_first_word_says_what_the_interval_shows(ratios, head):
    assert speed(answer(on_two(ratios))).startswith(head)


def test_of_one_cell_the_interval_is_from_the_scatter_of_its_records_and_of_one_training_there_is_none():
    stored = several(3, machine=B, seconds=(2.0, 2.02, 2.04)) + several(3, seconds=(1.0, 1.01, 1.02), when="2026-02-01T00:00:00+00:00")
    assert line(answer(stored), "A is faster").endswith("; one cell, 3 trainings of A).")
    alone = line(answer(on_two([0.5])), "Speed")
    assert "Speed: an epoch takes 0.5 times as long on A (one cell, 1 training of A: no interval)." == alone, "not called faster"


def test_accuracy_is_the_mean_of_the_cells_changes():
    found = answer(on_two([1.0] * 3, [-0.01, -0.011, -0.012]))
    assert line(found, "A is less accurate").startswith(
        "A is less accurate than B: accuracy of A minus that of B -0.0110 (95 % interval -0.0135 to -0.0085; mean over 3"
    )
    assert "is seen to B: accuracy of A minus that of B +0.0010 (" in line(
        answer(on_two([1.0] * 3, [0.01, -0.01, 0.003])), "Over all cells, no difference in accuracy"
    )
    assert line(answer(on_two([1.0] * 3, [0.01, 0.011, 0.012])), "A is more accurate than B")


def test_cells_far_from_the_mean_ratio_are_named_and_others_are_not():
    found = line(answer(on_two([1.0, 1.0, 1.0, 3.0])), "Times that stand out")
    assert f"Times that stand out, over 1.5 times from the mean: {GATE} 3." == found
    assert not [each for each in answer(on_two([1.0, 1.0, 1.0, 1.4])) if "stand out" in each]


def test_an_accuracy_that_changed_by_more_than_its_interval_is_named_with_how_many_would_by_chance():
    same = several(3, OTHER, B, accuracies=(0.9, 0.91, 0.92)) + several(3, OTHER, accuracies=(0.901, 0.911, 0.921))
    stored = several(3, machine=B, accuracies=(0.98, 0.981, 0.982)) + same + several(3, accuracies=(0.95, 0.951, 0.952))
    found = line(answer(stored), "Cells whose")
    assert (
        f"Cells whose own accuracy differs by more than its 95 % interval: {CELL} -0.0300 (of 2 cells; without any difference, 0.1 would be expected here)."
        == found
    )


def test_pairs_whose_versions_differ_otherwise_are_left_out_of_the_means_and_named():
    stored = on_two([2.0, 2.0, 2.0, 100.0])
    old = {"keras": "3.14.0", "tensorflow-cpu": "2.21.0"}
    stored[-1] = made(GATE, seconds=(200.0, 300.0), versions=old)
    found = answer(stored)
    assert "an epoch takes 2 times as long" in speed(found)
    assert "over 3 cells" in speed(found)
    assert f"Left out of the means, for their versions: {GATE} (keras 3.14.0, not 3.15.1)." == line(found, "Left out")
    every = answer(on_two([2.0, 2.2, 2.1], versions=old))
    assert "over 3 cells" in speed(every), "all differ in the same way"


def test_what_is_red_is_named_and_without_red_the_verdicts_are_counted():
    good = [each._replace(accepted=True) for each in several(3, accuracies=(0.981, 0.982, 0.983))]
    assert "Nothing was judged. Verdicts: 1 accepted." == line(answer(good), "Nothing")
    assert "Nothing regressed. Verdicts: 1 PASS, 1 accepted." == line(
        answer([*good, made(seed=9, accuracy=0.982, seconds=(2.0, 3.0))]), "Nothing"
    )
    red = answer([*good, made(seed=9, accuracy=0.6)])
    assert f"REGRESSED: {CELL} on chip-a, tensorflow float32 (accuracy). Verdicts: 1 REGRESSED, 1 accepted." == red[1], (
        "before anything else"
    )
    assert "Study afif: 1 of 1 published accuracies came out, within 3 standard deviations." == red[-1], "of the accepted ones"


def test_published_accuracies_that_did_not_come_out_are_named_by_the_prior_of_one_training_or_the_sd_of_several():
    printed = cells()[CELL].published["accuracy"]
    sd = math.sqrt(1.13 * printed * (1 - printed) / 10_000)  # of one training, by the prior
    assert (
        "Study afif: 1 of 1 published accuracies came out, within 3 standard deviations." == answer([made(accuracy=printed - 3 * sd)])[-1]
    )
    count, found = answer([made(accuracy=printed - 6 * sd)])[-2:]
    assert "Study afif: 0 of 1 published accuracies came out, within 3 standard deviations." == count
    assert f"Study afif: did not come out: {CELL}, {printed - 6 * sd:.4f} (n=1), is lower than the published {printed}." == found
    assert "is higher than the published" in answer([made(accuracy=printed + 12 * sd)])[-1]
    wide = answer(several(3, accuracies=(printed - 6 * sd - 0.02, printed - 6 * sd, printed - 6 * sd + 0.02), accepted=True))
    assert "Study afif: 1 of 1 published accuracies came out, within 3 standard deviations." == wide[-1], (
        "our own trainings scatter as much"
    )


@pytest.mark.parametrize("values", [{"kind": "sample"}, {"epochs_option": 1}, {"former": True}])
def test_what_is_not_the_published_training_says_nothing_of_published_numbers(values):
    found = answer([made(accuracy=0.1, **values)], against="published")
    assert not [each for each in found if "published accuracies" in each]
    assert "Speed: no timed cell of A has a published time to compare with." in found


def test_against_what_is_published_our_epoch_includes_evaluation():
    printed = cells()[CELL].published["seconds"] / cells()[CELL].recipe["epochs"]
    found = answer([made(seconds=(2.0, 4.0))], against="published")  # 3 on average, and 0.1 of evaluation
    assert "A is chip-a, tensorflow float32; it is compared with the published numbers." == found[0]
    expected = f"an epoch with its evaluation takes {3.1 / printed:.3g} times as long on A (one cell, 1 training of A: no interval)."
    assert expected in found[1]


def test_no_sentence_names_more_than_five_cells(monkeypatch):
    stored = [made(cell, accuracy=0.5, seed=i) for i, cell in enumerate(list(cells())[:12])]
    found = answer(stored, against="published")[-1]
    assert found.endswith(" more.")
    assert 5 == found.count("published 0.")


GOOD = [0.98, 0.981, 0.982, 0.983, 0.984, 0.985]
LATER = "2026-02-01T00:00:00+00:00"


def test_a_red_training_that_was_repeated_to_the_bit_is_named_and_its_row_is_red():
    good = several(6, accuracies=GOOD, accepted=True)
    again = made(seed=9, accuracy=0.6, when=LATER)
    kept = {"word": "SAME", "line": "1.json to the bit, REGRESSED: accuracy 0.6", "carried": "REGRESSED", "more": 0}
    again = again._replace(verdicts={"accuracy": {**kept, "baseline": judge.fingerprint(judge.baseline(again.record, good))}})
    found = report.comparison([*good, again])
    assert [("REGRESSED (accuracy)", kept["line"])] == [
        (row.verdict, row.reason) for row in found.rows if row.verdict not in ("accepted", "published")
    ]
    assert line(found.answer, "REGRESSED").startswith(f"REGRESSED: {CELL} on chip-a, tensorflow float32 (accuracy). ")


def test_a_cell_that_is_red_in_accuracy_and_in_time_is_named_with_both():
    found = report.comparison([*several(6, accuracies=GOOD, accepted=True), made(seed=9, accuracy=0.6, seconds=(9.0, 9.0), when=LATER)])
    assert "REGRESSED (accuracy, time)" == found.rows[0].verdict
    assert [True, True] == [
        text in found.rows[0].reason for text in ("accuracy 0.6000 is under the floor", "; fastest epoch 9 s, baseline")
    ]
    assert f"REGRESSED: {CELL} on chip-a, tensorflow float32 (accuracy, time)." in line(found.answer, "REGRESSED")


def test_what_is_red_of_the_reference_alone_is_said_to_be_the_references():
    red = [*several(6, machine=B, accuracies=GOOD, accepted=True), made(machine=B, seed=9, accuracy=0.6, when=LATER)]
    found = report.comparison([*red, *several(6, accuracies=GOOD, accepted=True)], Choice(machines=("chip-a",)))
    said = line(found.answer, "Nothing")
    assert said.startswith(f"Nothing that was chosen regressed, but of the reference did {CELL} on chip-b, tensorflow float32 (accuracy).")
    assert [] == found.red


def test_the_means_are_over_each_cells_newest_records_and_name_their_versions():
    """The accepted records of former versions are as fast as B, on more cells; the newest ones are twice as slow."""
    former, versions = {"keras": "3.14.0", "tensorflow-cpu": "2.21.0"}, {"keras": "3.15.1", "tensorflow-cpu": "2.21.0"}
    times, cells_ = {"seconds": (2.0, 3.0)}, (CELL, OTHER, THIRD)
    stored = [made(cell, B, versions=versions, **times) for cell in cells_]
    stored += [made(cell, accepted=True, versions=former, **times) for cell in cells_]
    newest = [made(cell, seconds=(4.0, 5.0), versions=versions, when=LATER) for cell in cells_[:2]]
    found = answer([*stored, *newest], machines=("chip-a",))
    assert "A is slower than B: an epoch takes 2 times as long on A (95 % interval 2 to 2; geometric mean over 2 cells)." == speed(found)
    assert f"Left out of the means, for their versions: {THIRD} (keras 3.14.0, not 3.15.1)." in found
    assert [] == [each for each in found if each.startswith("Other versions")]
    found = answer(stored, machines=("chip-a",))
    assert "Other versions on A than on B: keras 3.14.0, not 3.15.1." in found


def test_the_newest_session_of_a_machine_is_a_reference_for_its_own_older_ones():
    nights = [*several(3, name="n1"), *several(3, name="n2", seconds=(3.0, 3.0, 3.0), when=LATER)]
    found = report.comparison(nights, Choice(against="n2"))
    assert "an epoch takes 0.667 times as long on A" in speed(found.answer)
    assert {found.here, found.against} == {row.place for row in found.rows if row.kind == "measured"}


def test_the_reference_is_of_the_chosen_days_unless_it_is_named():
    stored = [made(machine=B, when="2020-01-01T00:00:00+00:00"), made(when=LATER)]
    since = datetime.date(2026, 1, 1)
    assert answer(stored, since=since)[0].endswith("compared with the published numbers.")
    assert answer(stored, since=since, against="chip-b")[0].endswith("compared with B, chip-b, tensorflow float32.")


def test_a_reference_whose_cells_are_in_no_table_is_refused_by_name():
    unknown = made(machine=B)._replace(cell="gone-mnist-afif")
    with pytest.raises(select.ChoiceError, match=r"--against=chip-b matches nothing; known: published"):
        report.comparison([unknown, made()], Choice(against="chip-b"))
