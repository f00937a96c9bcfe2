"""The answer in words, against records with known ratios and changes of accuracy."""

import math

import pytest

from baselines import report
from baselines.cells import cells
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
        ([0.5, 2.0, 1.0], "No difference in speed is seen to B: an epoch takes 1 "),
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
    assert "Nothing regressed. Verdicts: 1 accepted." == line(answer(good), "Nothing")
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
    assert "Speed: no cell of A has a published time to compare with." in found


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
