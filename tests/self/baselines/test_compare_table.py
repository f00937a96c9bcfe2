"""A comparison as text, Markdown, CSV and JSON: width, columns, marks, letters, and numbers in full."""

import csv
import io
import json
import re
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baselines import __main__ as command
from baselines import comparisons as stored_comparisons
from baselines import report
from baselines.cells import cells
from baselines.report import history, rows, table, values
from baselines.report.rows import Comparison, Measured, Row
from baselines.report.select import Choice
from tests.self.baselines import fake_training
from tests.self.baselines.comparisons import CELL, OTHER, A, B, made, of_ab, several

pytestmark = pytest.mark.self
NEWER = {"when": "2026-02-01T00:00:00+00:00"}
LONG = "densenet121_transfer_swish-cifar10-imagenet32_transfer"


def row(cell=CELL, machine="chip-a", **given):
    return Row(cell, "afif", "m", "d", machine, "tensorflow", "float32", "measured", **{"verdict": "PASS", **given})


def comparison(*found, **given):
    return Comparison(list(found), found[0].place, "published", [], [], [], **given)


def lines(stored, **choice):
    return table.text(report.comparison(stored, Choice(**choice))).splitlines()


def test_a_row_has_its_figures_with_n_and_intervals():
    stored = several(3, machine=B, accuracies=(0.98, 0.982, 0.984), seconds=(4.0, 4.1, 4.2))
    mine = {"peak_memory.gpu": 7_400_000_000, "peak_flops_per_second": 6 * 241816 * 60 / 2.1 * 2, "images_per_second": 28_571}
    stored += several(3, accuracies=(0.98, 0.982, 0.984), seconds=(2.0, 2.1, 2.2), **mine, **NEWER)
    found = [each.split() for each in lines(stored)]
    assert ["cell", "on", "accuracy", "±", "n", "s/epoch", "img/s", "ratio", "95", "%", "peak", "mem", "verdict"] in found
    (mine,) = (each for each in found if each[:2] == [CELL, "A"])
    assert ["0.9820", ".0050", "3", "2.1", "28.6k", "0.51", "0.46-0.57", "50%", "7.4G", "NO-BASELINE"] == mine[2:]


def test_columns_that_nothing_fills_are_left_out_and_marks_are_explained():
    text = "\n".join(lines([made(kind="sample", seconds=(), others=0.9)]))
    assert not re.search(r"ratio {2}|s/epoch {2}|peak {2}", text.splitlines()[6])
    assert "marks - sample: trained on a part" in text
    assert "former recipe" not in text
    assert "verdicts - NO-BASELINE: nothing accepted" in text or "verdicts - UNSTABLE" in text


def test_a_long_name_is_a_line_above_its_rows_and_short_ones_are_a_column():
    wide = {"ratio": Measured(0.5, 0.4, 0.6, 3), "accuracy": Measured(0.98, 0.97, 0.99, 3), "marks": ("sample", "--epochs 3")}
    wide |= {"epoch_seconds": Measured(2.0, 1, 3, 3), "images_per_second": 2e4, "peak_share": 0.5, "memory": 10**9}
    found = table.text(comparison(row(LONG, **wide), row(LONG, machine="chip-b", **wide), row(**wide))).splitlines()
    assert 1 == found.count(LONG)
    assert found[found.index(LONG) + 1].startswith("  A    0.9800 .0100 3       2   20k  0.50 0.40-0.60  50%  1G sample epochs PASS")
    assert found[found.index(LONG) + 2].startswith("  B ")
    assert f"{CELL} A  PASS" in table.text(comparison(row())).splitlines()


NUMBER = st.floats(1e-3, 9999)
MEASURED = st.none() | st.builds(
    lambda value, spread, n: Measured(value, value / spread, value * spread, n), NUMBER, st.floats(1, 9), st.integers(1, 999)
)
SHARE = st.none() | st.builds(
    lambda value, half, n: Measured(value, value - half, value + half, n), st.floats(0, 1), st.floats(0, 5), st.integers(1, 999)
)
MARK = st.sampled_from(["sample", "--epochs 3", "former recipe", "other data", "uncommitted code", "keras 3.14.1, not 3.15.1"])


@given(
    st.lists(
        st.builds(
            row,
            cell=st.sampled_from([CELL, LONG, "x" * 140]),
            machine=st.text("abc-", min_size=1, max_size=120),
            marks=st.lists(MARK, unique=True).map(tuple),
            accuracy=SHARE,
            epoch_seconds=MEASURED,
            ratio=MEASURED,
            images_per_second=st.none() | NUMBER,
            peak_share=st.none() | st.floats(0, 1),
            memory=st.none() | st.integers(1, 10**13),
            verdict=st.sampled_from([*rows.RANKS, "INCOMPARABLE (time)", "REGRESSED (accuracy)"]),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_no_line_of_figures_is_wider_than_a_hundred_columns(found):
    for line in table.text(comparison(*found)).splitlines():
        assert len(line) <= table.WIDTH or " " not in line.strip() or " = " in line, "but a name that has no space to break at"


def test_the_text_of_any_storage_is_at_most_a_hundred_columns_wide():
    stored = [made(cell, machine, accuracy=0.5, **more) for cell in cells() for machine, more in ((B, {}), (A, NEWER))]
    found = lines(stored)
    assert 100 >= max(map(len, found))
    assert len(cells()) <= sum(line.split(" ")[0] in cells() for line in found)


def test_the_studies_answers_are_at_most_a_hundred_columns_wide_where_some_data_sets_are_missing():
    slow = {"seconds": (98765.0, 98765.0)}
    found = lines([made(cell, machine, **slow) for machine in (B, A) for cell in (CELL, OTHER, "resnet20_v1-mnist-afif_resnet")])
    (row,) = [line for line in found if line.startswith("vgg_like ") and "(1 of 4)" in line]
    assert 3 == row.count("(1 of 4)")
    assert table.WIDTH >= max(map(len, found))


def test_letters_go_on_after_z():
    assert ["A", "Z", "AA", "AB", "BA"] == [rows.letter(i) for i in (0, 25, 26, 27, 52)]


def test_a_machine_that_is_neither_compared_nor_the_reference_has_its_mean_ratio_in_the_legend():
    slow = [made(cell, "chip-z_jax_float32", seconds=(8.0, 9.0)) for cell in (CELL, OTHER)]
    stored = [*slow, *(made(cell, B, seconds=(2.0, 3.0)) for cell in (CELL, OTHER)), *(made(cell, **NEWER) for cell in (CELL, OTHER))]
    assert "C = chip-z, jax float32: ratio 4 over 2 cells" in lines(stored)


def test_markdown_has_no_columns_and_no_html_of_a_names_own():
    evil = "a|b<img src=x>&c_tensorflow_float32"
    shown = table.text(report.comparison([made(machine=evil), *several(2, machine=B)]), "github")
    assert "a\\|b&lt;img src=x>&amp;c" in shown
    assert "<img" not in shown
    assert "| a\\|b" in table.titled("x", ["cell"], [["a|b"]], "github")


def test_markdown_holds_the_figures_of_text():
    found = report.comparison([*several(3, machine=B), *several(3, **NEWER)])
    text = [line.split() for line in table.text(found).splitlines() if line.startswith(CELL)]
    github = [
        [word for part in line.split("|") for word in part.split()]
        for line in table.text(found, "github").splitlines()
        if f"| {CELL}" in line
    ]
    assert text == github
    assert 3 == len(text), "the study's row, too"


def test_csv_holds_every_field_of_a_row_with_figures_in_full():
    found = report.comparison([*several(3, machine=B), *several(3, seconds=(1.0, 1.1, 1.2), **NEWER)])
    mine, reference, _ = csv.DictReader(io.StringIO(values.as_csv(found)))
    assert {each.name for each in fields(Row)} - {"history"} == {re.sub("_(low|high|n)$", "", name) for name in mine}
    assert [*map(str, found.rows[0].ratio)] == [mine[name] for name in ("ratio", "ratio_low", "ratio_high", "ratio_n")]
    assert ("0; 1; 2", "", "chip-b") == (mine["seeds"], reference["ratio"], reference["machine"])
    assert "keras=3.15.1 tensorflow-cpu=2.21.0 python=3.11.7" == mine["versions"]


def test_json_is_strict_and_its_keys_are_documented():
    found = report.comparison([*several(2, machine=B), *several(2, **NEWER)], ab=[{"subject": "x"}])
    read = json.loads(values.as_json(found), parse_constant=lambda word: pytest.fail(word))
    assert {"value": 1.0, "low": 1.0, "high": 1.0, "n": 2} == read["rows"][0]["ratio"]
    documented = set(re.findall(r"`(\w+)`", (command.store.FOLDER / "README.md").read_text().partition("## compare as JSON")[2]))
    keys = {*read, *read["rows"][0], *read["rows"][0]["history"][0], *Measured._fields, *history.Group._fields}
    assert keys == documented & keys, f"not documented: {keys - documented}"


def stored_comparison(tmp_path, **content):
    path = tmp_path / fake_training.MACHINE / "ab" / "1.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**of_ab(**content), "more": 1}))
    return path


def test_comparisons_of_ab_are_a_section_of_their_own(tmp_path, capsys):
    fake_training.stored(tmp_path, 1, "x", [fake_training.record()])
    stored_comparison(tmp_path)
    assert 0 == command.main(["compare", f"--storage={tmp_path}"])
    printed = " ".join(capsys.readouterr().out.split())
    expected = f"{CELL}, before -> after: SLOWER, ratio 1.020 (95 % interval: 0.990 to 1.050; 12 pairs in 3.5 minutes, 2026-03-01, made-up-chip_tensorflow"
    assert expected in printed


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"verdict": "OPEN", "low": None, "high": None, "sees": None}, "OPEN, ratio 1.020 (95 % interval: too few pairs; 12 pairs"),
        (
            {"of": "accuracy", "verdict": "WORSE", "ratio": -0.02, "low": -0.03, "high": -0.01},
            "WORSE, accuracy -0.0200 (95 % interval: -0.0300 to",
        ),
    ],
)
def test_an_undecided_comparison_of_ab_and_one_of_accuracies_are_shown(tmp_path, capsys, content, told):
    fake_training.stored(tmp_path, 1, "x", [fake_training.record()])
    stored_comparison(tmp_path, **content)
    assert 0 == command.main(["compare", f"--storage={tmp_path}"])
    assert told in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("text", ["{", "[]", '{"subject": "x"}'])
def test_a_comparison_of_ab_that_cannot_be_read_is_one_line(tmp_path, text):
    stored_comparison(tmp_path).write_text(text)
    problems = []
    assert [] == stored_comparisons.stored(tmp_path, problems)
    assert 1 == len(problems)
    assert problems[0].startswith(f"left out: {tmp_path}")


@pytest.mark.parametrize(
    "wrong",
    [
        *[{"of": "energy"}, {"of": []}, {"ratio": None}, {"minutes": None}, {"sides": None}, {"sides": ["a"]}, {"pairs": "8"}],
        *[{"version": 99}, {"version": None}, {"verdict": "FINE"}, {"low": "x"}, {"low": None}, {"when": 1}, {"sees": float("inf")}],
    ],
    ids=str,
)
def test_a_comparison_of_ab_that_cannot_be_shown_is_left_out_with_its_reason(tmp_path, capsys, wrong):
    fake_training.stored(tmp_path, 1, "x", [fake_training.record()])
    path = stored_comparison(tmp_path, **wrong)
    assert 0 == command.main(["compare", f"--storage={tmp_path}"])
    printed = "".join(capsys.readouterr())
    assert f"left out: {path}: not a comparison of `python -m baselines ab` (" in printed
    (key,) = wrong
    assert (f"its {key} is " if wrong != {"low": None} else "one end of its interval is missing") in printed


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["--since=yesterday"], "'yesterday' is not a day, such as 2026-01-31"),
        (["--machine=chip-z"], "baselines: --machine=chip-z matches nothing; known: made-up-chip_tensorflow_float32"),
        (["--against=y"], "baselines: --against=y matches nothing; known: published, NVIDIA GeForce GTX 960M, "),
        (["--by=jax"], "baselines: --by=jax: no record has one; its backends: tensorflow"),
    ],
)
def test_a_wrong_option_is_exit_code_two_and_one_line_that_names_what_is_known(tmp_path, capsys, args, expected):
    fake_training.stored(tmp_path, 1, "x", [fake_training.record()])
    try:
        code = command.main(["compare", f"--storage={tmp_path}", *args])
    except SystemExit as error:  # argparse
        code = error.code
    assert (2, True) == (code, expected in capsys.readouterr().err.splitlines()[-1])
