"""The tables: papers, machines and records side by side, and exit codes that a script can rely on."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from baselines import __main__ as command
from baselines import store
from baselines.cells import cells
from baselines.report.command import END
from tests.self.baselines import fake_training

pytestmark = pytest.mark.self
ROOT = Path(__file__).parents[3]
GOOD = [{"accuracy": 0.98 + seed / 1000, "seconds": (2.0 + seed / 100, 3.0), "seed": seed} for seed in (1, 2, 3)]


@pytest.fixture
def compared(tmp_path, capsys):
    """A function that stores accepted and newer records of a cell and compares: exit code, its rows in its study's table, all output."""

    def run(cell="lenet5-mnist-afif", newer=(), form="text", good=GOOD, **more):
        for number, values in enumerate([*good, *newer], 1):
            fake_training.stored(
                tmp_path, number, "good" if number <= len(good) else "new", [fake_training.record(cell, **{**values, **more})]
            )
        if good:
            fake_training.accept(tmp_path, [each for each in store.records(tmp_path) if each.name == "good"])
        code = command.main(["compare", "--all", f"--storage={tmp_path}", f"--format={form}"])
        printed = capsys.readouterr()
        table = printed.out[printed.out.index(": every cell") :]
        return code, [line for line in table.splitlines() if line.startswith((cell, f"| {cell}"))], printed.out + printed.err

    return run


def test_a_row_holds_the_published_and_the_measured_numbers(compared):
    code, (row,), output = compared()
    assert 0 == code
    # An epoch takes the mean of (2.02 + 3) / 2 seconds of training and 0.1 of evaluation.
    row = re.split(r"\s{2,}", row)
    printed = cells()["lenet5-mnist-afif"].published
    epoch = printed["seconds"] / 10
    assert [f"{printed['total']} = ours", str(printed["accuracy"]), "0.9820 ± 0.0010 (n=3)", str(epoch)] == row[1:5]
    assert ["2.02 ± 0.01 (n=3)", f"{2.61 / epoch:.3f}", "accepted"] == row[5:]
    assert "A = made-up-chip, tensorflow float32: compared" in output


@pytest.mark.parametrize(
    ("newer", "code", "verdict"),
    [
        ({"accuracy": 0.982, "seconds": (2.0, 2.1), "seed": 9}, 0, "PASS"),
        ({"accuracy": 0.6, "seconds": (2.0, 2.1), "seed": 9}, 1, "REGRESSED (accuracy)"),
        ({"accuracy": 0.982, "seconds": (20.0, 21.0), "seed": 9}, 1, "REGRESSED (time)"),
        ({"accuracy": 0.982, "seconds": (0.2, 0.21), "seed": 9}, 0, "IMPROVED (time)"),
        ({"fingerprint": "beef"}, 1, "REGRESSED (accuracy)"),
    ],
)
def test_the_newest_record_that_is_not_accepted_is_judged(compared, newer, code, verdict):
    found, rows, output = compared(newer=[newer])
    assert (code, True) == (found, rows[-1].endswith(verdict)), output


def test_without_an_accepted_record_a_comparison_of_these_names_accept(tmp_path, capsys):
    fake_training.stored(tmp_path, 1, "x", [fake_training.record()])
    assert 3 == command.main(["compare", f"--storage={tmp_path}", "--accepted"])
    assert "no record is accepted; accept some with: python -m baselines accept" in capsys.readouterr().err


def test_data_are_never_mixed_in_one_row(compared):
    _, rows, _ = compared(newer=[{"fingerprint": "beef", "accuracy": 0.1}])
    assert [("data f00d", True), ("data beef", True)] == [
        (word, word in row) for word, row in zip(("data f00d", "data beef"), rows, strict=True)
    ]
    assert "0.9820 ± 0.0010 (n=3)" in rows[0]
    assert "0.1000 (n=1)" in rows[1]


def test_a_record_of_a_sample_is_marked_and_left_out_of_the_answers(compared):
    part = {"fingerprint": "beef", "kind": "sample", "accuracy": 0.1, "seconds": (50.0,)}
    _, rows, output = compared(newer=[part])
    assert ["lenet5-mnist-afif data f00d", "lenet5-mnist-afif data beef sample"] == [re.split(r"\s{2,}", row)[0] for row in rows]
    assert ["0.1000 (n=1)", "22.0", "50 (n=1)", "REGRESSED (accuracy)"] == re.split(r"\s{2,}", rows[1])[3:]  # and no ratio to the paper
    row = next(re.split(r"\s{2,}", line) for line in output.splitlines() if line.startswith("lenet5  "))
    assert "0.9820 (1 of 4)" == row[5]


def test_precisions_and_former_recipes_are_never_mixed_in_one_row(compared):
    half = {"precision": "mixed_bfloat16", "accuracy": 0.2}
    _, rows, _ = compared("lenet5-mnist-gate", newer=[half, {"former": True, "accuracy": 0.1}])
    assert [True, True, True] == [word in row for word, row in zip(("gate ", "gate mixed_bfloat16", "former recipe"), rows, strict=True)]
    assert ["0.9820 ± 0.0010 (n=3)", "0.2000 (n=1)", "0.1000 (n=1)"] == [re.split(r"\s{2,}", row)[2] for row in rows]


def test_the_answers_use_the_newest_data_only(compared):
    _, _, output = compared(newer=[{"fingerprint": "beef", "accuracy": 0.1, "seconds": (50.0,)}])
    row = next(re.split(r"\s{2,}", line) for line in output.splitlines() if line.startswith("lenet5  "))
    assert ["0.1000 (1 of 4)", "0.1000", "50 (1 of 4)"] == row[5:8]


def test_a_record_older_than_the_baseline_is_not_judged_again(tmp_path, capsys):
    for number in range(1, 7):
        bad = number <= 3
        fake_training.stored(
            tmp_path, number, "old" if bad else "new", [fake_training.record(seed=number, seconds=(40.0 if bad else 20.0,))]
        )
        if number in (3, 6):
            assert 0 == command.main(["accept", f"--storage={tmp_path}", "--reason=x"])
    assert 0 == command.main(["compare", f"--storage={tmp_path}"]), capsys.readouterr()


def test_the_peak_memory_is_the_gpus_where_there_is_one(tmp_path, capsys):
    fake_training.stored(tmp_path, 1, "x", [fake_training.record(**{"peak_memory.gpu": 400_000_000})])
    assert 0 == command.main(["compare", "--all", f"--storage={tmp_path}"])
    assert [line.split()[-1] for line in capsys.readouterr().out.splitlines() if line.startswith("lenet5  ")][-1] == "400"


def test_of_a_record_without_times_the_accuracy_still_counts(compared):
    _, (row,), _ = compared(good=[{**each, "seconds": ()} for each in GOOD], others=0.9)
    assert "(n=3)" in row
    assert 1 == row.count("(n=")


def test_a_record_with_the_epochs_option_has_a_row_of_its_own_and_is_left_out_of_the_answers(compared):
    code, (whole, short), output = compared(newer=[{"epochs_option": 2, "accuracy": 0.1, "seconds": (50.0, 51.0), "seed": 9}])
    assert (0, "n=3" in whole, "accepted") == (code, True, whole.split()[-1])
    row = re.split(r"\s{2,}", short)
    assert ["lenet5-mnist-afif --epochs 2", "0.1000 (n=1)", "50 (n=1)", "not judged"] == [row[0], row[3], row[5], row[7]]
    row = next(re.split(r"\s{2,}", line) for line in output.splitlines() if line.startswith("lenet5  "))
    assert ["0.9820 (1 of 4)", "0.9820"] == row[5:7]


def test_a_machine_without_accepted_records_has_the_verdict_no_baseline(compared):
    code, (row,), _ = compared(good=[], newer=GOOD[:1])
    assert (0, True) == (code, row.endswith("NO-BASELINE"))


def test_the_studys_own_question_is_answered(compared):
    _, _, output = compared()
    lines = [re.split(r"\s{2,}", line) for line in output.splitlines()]
    # The study's conclusion: VGG-like is best on both grey sets, ResNet20 v1 on CIFAR-10, v2 on SVHN.
    best = {"mnist": "vgg_like", "fashion_mnist": "vgg_like", "cifar10": "resnet20_v1", "svhn": "resnet20_v2"}
    for data_set, network in best.items():
        accuracy = cells()[f"{network}-{data_set}-afif{'_resnet' * network.startswith('resnet')}"].published["accuracy"]
        assert f"{network} {accuracy}" == next(line for line in lines if line[0] == data_set)[1]
    printed = [cell.published for cell in cells().values() if cell.study == "afif" and cell.model == "lenet5"]
    row = next(line for line in lines if line[0] == "lenet5")
    accuracies = [each["accuracy"] for each in printed]
    assert [f"{sum(accuracies) / 4:.4f}", f"{min(accuracies):.4f}", str(sum(each["seconds"] for each in printed))] == row[2:5]
    assert ["0.9820 (1 of 4)", "0.9820", "5 (1 of 4)", "600"] == row[5:]


def test_github_and_text_hold_the_same_numbers(compared):
    _, (row,), _ = compared(form="github")
    github = [word.strip() for word in row.split("|")][1:-1]
    _, (row,), _ = compared()
    assert github == re.split(r"\s{2,}", row)
    assert "0.9820 ± 0.0010 (n=3)" in github


def test_without_records_the_exit_code_is_three_with_the_next_command(tmp_path, capsys):
    assert 3 == command.main(["compare", f"--storage={tmp_path}"])
    assert "pytest -m full --benchmark-save" in capsys.readouterr().err


def test_records_of_cells_that_no_table_has_are_nothing_to_compare(tmp_path, capsys):
    fake_training.stored(tmp_path, 1, "x", [{**fake_training.record(), "cell": "lenet5-mnist-gone"}])
    assert 3 == command.main(["compare", f"--storage={tmp_path}"])
    assert "no record of a cell is stored" in capsys.readouterr().err


def test_a_damaged_file_is_one_line_and_exit_code_two(tmp_path, capsys):
    fake_training.stored(tmp_path, 1, "x", [fake_training.record()]).write_text("{")
    assert 2 == command.main(["compare", f"--storage={tmp_path}"])
    assert 1 == len(capsys.readouterr().err.splitlines())


def test_every_file_of_this_repository_is_strict_json_that_pytest_benchmark_opens():
    paths = sorted((ROOT / "baselines").glob("*/[0-9]*.json"))
    for path in paths:
        json.loads(path.read_text(), parse_constant=lambda word, path=path: pytest.fail(f"{path} holds {word}"))
        assert "UNSERIALIZABLE" not in path.read_text()
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    args = ["pytest-benchmark", "--storage", "baselines"]
    listed = subprocess.run([*args, "list"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert [str(path) for path in sorted(paths, key=lambda path: (path.name, path.parent))] == listed.stdout.split()
    table = subprocess.run([*args, "compare", "--columns=min"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert len(paths) <= table.stdout.count("test_epoch_time["), table.stderr


def test_the_table_of_results_is_the_one_that_compare_makes(capsys):
    assert 0 == command.main(["compare", "--accepted", "--all", "--format=github"])
    _, _, rest = (ROOT / "baselines" / "RESULTS.md").read_text().partition("<!-- results")
    between = rest.partition("-->\n")[2].partition(END)[0]
    assert capsys.readouterr().out.strip() == between.strip(), (
        "python -m baselines compare --accepted --all --format github --into baselines/RESULTS.md"
    )


def test_the_tables_replace_only_what_is_between_a_files_markers(tmp_path, capsys):
    fake_training.stored(tmp_path, 1, "x", [fake_training.record()])
    args = ["compare", f"--storage={tmp_path}", f"--into={tmp_path / 'page.md'}"]
    page = tmp_path / "page.md"
    for text, code in (("a\n<!-- results: how -->\nold\n<!-- end of results -->\nz\n", 0), ("a\n<!-- results -->\n", 2), ("a\n", 2)):
        page.write_text(text)
        assert code == command.main(args), capsys.readouterr().err
        assert (code == 0) == ("lenet5-mnist-gate" in page.read_text())
        assert page.read_text().startswith("a\n")
        assert "\nold\n" not in page.read_text()
        assert page.read_text().endswith("z\n") == (code == 0)


def test_machines_are_pooled_for_accuracy_and_kept_apart_for_time(tmp_path, capsys):
    for number, machine, seconds in (1, "chip-a_tensorflow_float32", (2.0, 3.0)), (2, "chip-b_jax_float32", (200.0, 300.0)):
        fake_training.stored(tmp_path, number, "x", [fake_training.record(seconds=seconds)], machine=machine)
    assert 0 == command.main(["compare", "--all", "--machine=chip-a", f"--storage={tmp_path}"])
    assert "chip-b" not in capsys.readouterr().out.partition(": every cell")[2]
    assert 0 == command.main(["compare", "--all", f"--storage={tmp_path}"])
    lines = [re.split(r"\s{2,}", line) for line in capsys.readouterr().out.partition(": every cell")[2].splitlines()]
    (row,) = (line for line in lines if line[0] == "lenet5-mnist-gate")
    assert ["0.9890 ± 0.0000 (n=2)", "200 (n=1)", "2 (n=1)", "NO-BASELINE"] == row[2:], "B, the newest, is the machine A"
    assert ["500 (1 of 2)", "5 (1 of 2)"] == [line for line in lines if line[0] == "lenet5"][-1][4:6]


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_compared(compared, tmp_path, capsys):
    assert 0 == compared()[0]
    (tmp_path / fake_training.MACHINE / "0099_half_00000000.json").write_text('{"records": [')
    code = command.main(["compare", "--all", f"--storage={tmp_path}"])
    printed = capsys.readouterr()
    output = printed.out + printed.err
    assert (0, True) == (code, "0.9820 ± 0.0010 (n=3)" in output), output
    assert "left out: " in output
    assert "0099_half_00000000.json: not a file of records" in output
