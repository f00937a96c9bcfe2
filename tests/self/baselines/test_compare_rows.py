"""The parts of the tables one by one: which verdict a row shows, what is pooled and what is left out."""

import re

import pytest

from baselines import __main__ as command
from baselines import gate, judge, judged, store
from baselines.cells import cells
from baselines.report import studies
from tests.self.baselines import fake_training

pytestmark = pytest.mark.self
CELL, OTHER = "lenet5-mnist-afif", "vgg_like-mnist-afif"
A, B = "chip-a_tensorflow_float32", "chip-b_jax_float32"
MACHINES = {A: "A", B: "B"}


def made(cell=CELL, machine=A, name="x", accepted=False, verdicts=(), **values):
    record = {**fake_training.record(cell, **values), "machine": machine}
    record["id"] = store.record.digest([cell, machine, name, str(values)])
    kept = {"accepted": accepted, "verdicts": dict(verdicts)}
    return store.Stored(machine, f"{name}.json", name, cell, record, {}, record["when"], record["id"], **kept)


def test_every_verdict_has_a_rank_and_the_worst_is_shown_with_what_it_is_of():
    assert set(studies.ORDER) == {"REGRESSED", "IMPROVED", "PASS", "SAME", *gate.SIGHTLESS}
    first, second, third = made(), made(seed=1, machine=B), made(seed=2)

    def shown(*words, group=(first, second)):
        verdicts = [[gate.Verdict(word, "") for word in pair] for pair in words]
        return studies._verdict(list(group), dict(zip("ab", zip((first, second), verdicts, strict=False), strict=False)))

    assert "REGRESSED (time)" == shown(("PASS", "REGRESSED"), ("SUSPECT", "PASS"))
    assert "SUSPECT (accuracy)" == shown(("PASS", "PASS"), ("SUSPECT", "UNSTABLE"))
    assert ["SAME", "PASS", "NO-BASELINE"] == [shown(("SAME", word)) for word in ("SAME", "PASS", "NO-BASELINE")]
    assert "PASS" == shown(("PASS", "PASS"), ("REGRESSED", "PASS"), group=[first]), "not the verdict of another row"
    assert "former" == shown(("REGRESSED", "PASS"), group=[third])


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ([made(epochs_option=2)], "not judged"),
        ([made(), made(seed=1, accepted=True)], "accepted"),
        ([made()], "former"),
        ([], "not trained"),
    ],
)
def test_a_row_without_a_newer_record_says_why_it_is_not_judged(group, expected):
    assert expected == studies._verdict(group, {})


def test_the_newest_record_of_a_whole_recipe_of_each_cell_and_machine_is_judged_unless_it_is_accepted():
    stored = [made(accepted=True), made(seed=1), made(seed=2), made(seed=3, epochs_option=1), made(machine=B), made(machine=B, seed=4)]
    stored += [made(OTHER), made(OTHER, seed=5, accepted=True), made("lenet5-mnist-gate")._replace(cell="no-such-cell")]
    found = judged.judgements(stored)
    assert [stored[2], stored[5]] == [each for each, _ in found]
    for _, (accuracy, seconds) in found:
        assert [True, True] == [accuracy.line.startswith("accuracy 0.9890"), seconds.line.startswith("fastest epoch 1.5 s")]


def test_the_false_alarms_are_shared_by_the_verdicts_that_have_a_baseline(monkeypatch):
    seen = []
    monkeypatch.setattr(judged, "verdict", lambda each, stored, what, gates, variances: seen.append((what, gates)))
    judged.judgements([made(accepted=True), made(), made(machine=B), made(OTHER), made(OTHER, machine=B, seconds=(), others=0.9)])
    assert [("accuracy", 5), ("seconds", 5)] * 4 == seen, "accuracy of both records of the cell, three costs of the one on its machine"


def test_the_verdict_of_the_session_is_shown_until_its_baseline_changes():
    accepted = [made(seed=seed, accuracy=0.98 + seed / 1000, accepted=True) for seed in range(1, 4)]
    kept = {"word": "SUSPECT", "line": "x", "details": "", "more": 2, "carried": ""}
    for baseline, expected in (judge.fingerprint(accepted), "SUSPECT"), (judge.fingerprint([]), "PASS"):
        new = made(seed=9, accuracy=0.982, verdicts={what: {**kept, "baseline": baseline} for what in ("accuracy", "seconds")})
        found = [judged.verdict(new, [*accepted, new], what, 2) for what in ("accuracy", "seconds")]
        assert [expected] * 2 == [each.word for each in found]
    assert [True, True] == [each.line.startswith(what) for each, what in zip(found, ("accuracy", "fastest epoch"), strict=True)]


def test_an_epochs_option_is_no_former_recipe_and_a_changed_recipe_is_one():
    assert [("f00d", "float32", 2, True), ("f00d", "float32", None, True), ("f00d", "float32", None, False)] == [
        studies._group(made(**values)) for values in ({"epochs_option": 2}, {}, {"former": True})
    ]


def test_of_each_machine_and_seed_the_newest_accuracy_counts():
    stored = [made(accuracy=0.5), made(accuracy=0.6), made(accuracy=0.7, machine=B), made(accuracy=0.8, seed=1)]
    assert [0.6, 0.7, 0.8] == studies._by_seed(stored)


def test_a_mean_has_its_spread_from_two_values_on():
    assert [None, "0.5000 (n=1)", "0.5000 ± 0.1414 (n=2)"] == [studies.spread(values, ".4f") for values in ([], [0.5], [0.4, 0.6])]
    assert "2 ± 1.4 (n=2)" == studies.spread([1.0, 3.0], ".3g")


def test_a_ratio_needs_times_a_published_time_and_published_data():
    records = [made(seconds=(2.0, 3.0)).record, made(seconds=(4.0, 5.0)).record]
    assert "0.360" == studies._ratio(records, 10)
    assert [None, None, None] == [studies._ratio([], 10), studies._ratio(records, None), studies._ratio([made(kind="sample").record], 10)]


def test_a_share_of_the_peak_is_the_mean_of_those_that_are_known():
    work = 6 * 241816 * 60
    records = [made(seconds=(1.0,), peak_flops_per_second=rate).record for rate in (work * 2.0, work * 4.0, None)]
    assert ["38%", None, None] == [studies._of_peak(each) for each in (records, records[2:], [])]


def test_parameters_are_compared_with_the_published_number():
    cell, published = cells()[CELL], cells()[CELL].published["total"]
    bare = cell._replace(published={})
    same, other = ([made(**{"parameters.total": 1}), made(**{"parameters.total": number})] for number in (published, 7))
    assert [f"{published} = ours", f"{published}, OURS 7", published] == [studies._parameters(cell, each) for each in (same, other, [])]
    assert [7, None] == [studies._parameters(bare, each) for each in (other, [])]


@pytest.mark.parametrize(
    ("published", "expected"),
    [
        ({"accuracy": 0.5, "validation_accuracy": 0.6}, "0.5"),
        ({"validation_accuracy": 0.6}, "0.6 (val)"),
        ({"held_out_accuracy": 0.6}, "0.6 (held out)"),
        ({"stated_accuracy": 0.6}, "0.6 (stated)"),
        ({"seconds": 3}, None),
    ],
)
def test_a_published_accuracy_says_of_which_images(published, expected):
    assert expected == studies._printed_accuracy(cells()[CELL]._replace(published=published))


def test_the_best_network_and_means_say_of_how_many():
    first, second, third = (cells()[f"{model}-mnist-afif"] for model in ("lenet5", "vgg_like", "lenet5"))
    third = third._replace(id="third", model="third")
    accuracies = {first.id: 0.9, second.id: 0.95}
    assert "vgg_like 0.95 (of 2 in 3)" == studies._best([first, second, third], accuracies)
    assert "vgg_like 0.95" == studies._best([first, second], accuracies)
    assert studies._best([third], accuracies) is None
    assert ("0.9250 (2 of 3)", "0.9000") == studies._mean_least([first, second, third], accuracies)
    assert ("0.9250", "0.9000") == studies._mean_least([first, second], accuracies)
    assert (None, None) == studies._mean_least([third], accuracies)


def test_the_best_as_published_is_that_of_the_whole_study_with_and_without_all(tmp_path, capsys):
    """Only lenet5 was run on Fashion-MNIST, of which the study printed vgg_like as best; and nothing on the two colour sets."""
    fake_training.stored(tmp_path, 1, "x", [fake_training.record("lenet5-fashion_mnist-afif", accuracy=0.982)])
    default, whole = [], []
    for args, lines in ([], default), (["--all"], whole):
        assert 0 == command.main(["compare", f"--storage={tmp_path}", *args])
        lines += [re.split(r"\s{2,}", line) for line in capsys.readouterr().out.splitlines()]
    best = cells()["vgg_like-fashion_mnist-afif"].published["accuracy"]
    assert ["fashion_mnist", f"vgg_like {best}", "lenet5 0.982 (of 1 in 5)"] in default
    assert {"fashion_mnist", "lenet5"} == {
        line[0] for line in default if line[0] in ("mnist", "fashion_mnist", "cifar10", "lenet5", "vgg_like")
    }
    for row in ("fashion_mnist", "lenet5"):
        mine, theirs = (next(line for line in lines if line[0] == row) for lines in (default, whole))
        assert set(mine) <= set(theirs), "all but what there is no room for"


def test_seconds_are_of_timed_records_and_say_of_how_many_data_sets():
    timed, busy = made(seconds=(2.0, 3.0)), made(seconds=(), others=0.9)
    searched = made(trials=[{"seconds": 10.0}, {"seconds": 20.0}])
    assert "35" == studies._total_seconds([[timed, busy], [searched]])
    assert "5 (1 of 2)" == studies._total_seconds([[timed], [busy]])
    assert studies._total_seconds([[busy], []]) is None


def test_the_largest_memory_is_the_gpus_where_there_is_one():
    host, gpu, unknown = (
        made(**{"peak_memory.host": host, "peak_memory.gpu": gpu}).record for host, gpu in ((9e8, None), (5e8, 7e8), (None, None))
    )
    assert ["900", "700", None] == [studies._megabytes(each) for each in ([host, gpu], [gpu, unknown], [unknown])]


def test_a_table_has_no_empty_columns():
    lines = studies._table([["x", None, 1], ["y", None, None]], ["a", "b", "parameters"], "simple").splitlines()
    assert [["a", "parameters"], ["x", "1"], ["y"]] == [lines[i].split() for i in (0, 2, 3)]
    assert ["t\n=", "### t"] == [studies._title("t", style) for style in ("simple", "github")]
