"""The studies' own machines beside ours: their rows, which of them are shown, and as the reference."""

import csv
import io
import json
import re

import pytest

from baselines import __main__ as command
from baselines import report
from baselines.cells import cells, published_seconds, studies
from baselines.report import drawing, published, sections, table
from baselines.report.rows import Measured
from baselines.report.select import Choice, ChoiceError
from tests.self.baselines import fake_training
from tests.self.baselines.comparisons import GATE, OTHER, A, B, made, several

pytestmark = pytest.mark.self
LENET = "lenet5-mnist-afif"
STUDY, FASTER = "NVIDIA GeForce GTX 960M", "GTX1080Ti"
RESNET = "resnet20_v1-cifar10-afif_resnet"  # printed of both
NEVER = "vgg_like-cifar10-afif"  # never run in these tests
NEWER = {"when": "2026-02-01T00:00:00+00:00"}


def compared(stored, **choice):
    return report.comparison(stored, Choice(**choice))


def printed(made):
    return [(row.cell, row.place) for row in made.rows if row.kind == "published"]


def test_the_studies_machines_are_machines_like_any_other():
    found = {(row.machine, row.cell): row for row in published.rows()}
    lenet = found["NVIDIA GeForce GTX 960M", LENET]
    assert ("published", "published", Measured(22, None, None, 1)) == (lenet.kind, lenet.verdict, lenet.epoch_seconds), "220 s for ten"
    assert Measured(cells()[LENET].published["accuracy"], None, None, 1) == lenet.accuracy
    assert {"NVIDIA GeForce GTX 960M", "GTX1080Ti", "Google Colab (srivastava)", "Google Colab (imagenet32)"} == {
        where for where, _ in found
    }
    for row in found.values():
        assert row.accuracy or row.epoch_seconds


def test_the_studies_one_time_of_another_machine_is_a_row_of_that_machine():
    (row,) = [row for row in published.rows() if row.machine == "GTX1080Ti"]
    (printed,) = studies()["afif"]["elsewhere"]
    assert (printed["cell"], printed["epoch_seconds"], None) == (row.cell, row.epoch_seconds.value, row.accuracy)
    (own,) = [each for each in published.rows() if each.cell == row.cell and "960M" in each.machine]
    assert "20.6" == f"{own.epoch_seconds.value / row.epoch_seconds.value:.1f}"


def test_a_published_row_stands_under_each_cell_that_was_run():
    found = compared([made(LENET, B), made(LENET, **NEWER), made(RESNET, **NEWER), made(GATE)])
    assert {(LENET, STUDY), (RESNET, STUDY), (RESNET, FASTER)} == set(printed(found))
    assert [LENET, LENET, LENET] == [row.cell for row in found.rows if row.cell == LENET]
    *ours, row = [row for row in found.rows if row.cell == LENET]
    assert ["measured", "measured", "published"] == [each.kind for each in (*ours, row)]
    assert (published_seconds(cells()[LENET]), cells()[LENET].published["accuracy"]) == (row.epoch_seconds.value, row.accuracy.value)
    assert ["A", "B", "C", "D"] == list(found.letters.values())
    assert {STUDY: "D", FASTER: "C"} == {place: letter for place, letter in found.letters.items() if place in (STUDY, FASTER)}


def test_a_machine_of_ours_has_its_letter_before_those_of_the_studies():
    found = compared([made(LENET, "zchip_jax_float32"), made(LENET, B), made(LENET, B, seed=1), made(LENET, **NEWER)])
    assert ["chip-a", "chip-b", "zchip", STUDY] == [place.partition(",")[0] for place in found.letters]


def test_published_rows_change_no_mean_no_count_and_no_letter_of_the_answer(monkeypatch):
    stored = [*several(2, machine=B, accepted=True), *several(3, OTHER, B), *several(2, **NEWER), *several(2, OTHER, **NEWER)]
    for choice in {}, {"against": "published"}:
        found = compared(stored, **choice)
        with monkeypatch.context() as without:
            without.setattr(published, "rows", list)
            plain = compared(stored, **choice)
        assert (found.answer, found.red) == (plain.answer, plain.red)
        assert [row for row in found.rows if row.kind == "measured"] == plain.rows
        assert len(plain.rows) < len(found.rows)


def test_options_choose_the_studies_machines_like_any_other():
    stored = [made(LENET), made(RESNET), made(LENET, B)]
    assert [] == printed(compared(stored, machines=("chip-a",)))
    assert [(RESNET, FASTER)] == printed(compared(stored, machines=("chip-a", FASTER)))
    assert [(LENET, STUDY)] == printed(compared(stored, cells=("lenet5-mnist-*",)))
    assert (NEVER, STUDY) in printed(compared(stored, cells=("lenet5-mnist-*", "vgg_like-*"))), "chosen, though never run"
    assert (LENET, STUDY) in printed(compared(stored, studies=("afif",)))


def test_without_a_chosen_record_what_is_printed_is_shown():
    found = compared([made(LENET)], machines=("GTX",))
    mine = [cell.id for cell in cells().values() if cell.study == "afif" and (cell.published.get("accuracy") or published_seconds(cell))]
    assert (
        sorted([*((cell, STUDY) for cell in mine), (RESNET, FASTER)])
        == sorted(printed(found))
        == sorted((row.cell, row.place) for row in found.rows)
    )
    assert ["No stored record was chosen; these are printed numbers."] == found.answer
    assert "A = GTX1080Ti" in table.text(found).splitlines()
    assert [(NEVER, STUDY)] == printed(compared([made(LENET)], cells=(NEVER,)))


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"machines": ("GTX 4090",)}, f"--machine=GTX 4090 matches nothing; known: {A}, {STUDY}, .*{FASTER}.*"),
        ({"machines": (FASTER,), "cells": (LENET,)}, f"--cell={LENET} matches nothing; known: {RESNET}"),
        ({"machines": ("chip-a",), "cells": (NEVER,)}, f"--cell={NEVER} matches nothing; known: {LENET}"),
        ({"machines": (FASTER,), "studies": ("srivastava",)}, "--study=srivastava matches nothing; known: afif"),
        ({"against": "GTX 4090"}, f"--against=GTX 4090 matches nothing; known: published, .*{STUDY}, .*"),
    ],
)
def test_a_choice_that_matches_nothing_names_what_is_known_in_print_too(choice, expected):
    with pytest.raises(ChoiceError, match=f"^{expected}$"):
        compared([made(LENET)], **choice)


def test_a_studys_machine_is_a_reference_by_what_is_printed_of_it_alone():
    stored = [made(LENET, B), made(RESNET, seconds=(7.0, 7.0), accuracy=0.9), made(LENET, seconds=(2.0, 2.0), **NEWER)]
    slow, fast = compared(stored, against="GTX 960M"), compared(stored, against=FASTER)
    assert (STUDY, "B") == (slow.against, slow.letters[STUDY])
    ratios = [{row.cell: row.ratio and row.ratio.value for row in found.rows if row.place == found.here} for found in (slow, fast)]
    epoch = {LENET: 2.1, RESNET: 7.1}  # seconds, evaluation included
    expected = [{cell: epoch[cell] / published_seconds(cells()[cell]) for cell in epoch}, {LENET: None, RESNET: 7.1 / 35}]
    assert [{cell: value and pytest.approx(value) for cell, value in each.items()} for each in expected] == ratios
    changes = [
        {row.cell: row.accuracy_change and row.accuracy_change.value for row in found.rows if row.place == found.here}
        for found in (slow, fast)
    ]
    assert pytest.approx(0.9 - cells()[RESNET].published["accuracy"]) == changes[0][RESNET]
    assert {LENET: None, RESNET: None} == changes[1], "no accuracy of it is printed"
    assert compared(stored, against="published").answer[1].replace("what is published", "B") == slow.answer[1]
    assert f"it is compared with B, {STUDY}, as printed." in slow.answer[0]
    assert "ratio: seconds of training and evaluation an epoch" in " ".join(table.text(slow).split())
    assert (RESNET, FASTER) in printed(compared(stored, against=FASTER, machines=("chip-a",))), "the reference's rows are shown"


def test_a_machine_of_ours_with_such_a_name_comes_before_a_studys():
    stored = [made(LENET, "my GTX_tensorflow_float32"), made(LENET, **NEWER)]
    assert "my GTX, tensorflow float32" == compared(stored, against="GTX").against


def test_csv_json_text_and_the_page_have_the_published_rows(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(drawing, "svg", lambda *args: "")
    fake_training.stored(tmp_path, 1, "x", [fake_training.record(OTHER)])

    def run(*args):
        assert 0 == command.main(["compare", f"--storage={tmp_path}", f"--cell={OTHER}", *args])
        return capsys.readouterr().out

    (row,) = [each for each in csv.DictReader(io.StringIO(run("--format=csv"))) if each["kind"] == "published"]
    assert (STUDY, "published", str(published_seconds(cells()[OTHER]))) == (row["machine"], row["verdict"], row["epoch_seconds"])
    assert [STUDY] == [each["place"] for each in json.loads(run("--format=json"))["rows"] if each["kind"] == "published"]
    text = run()
    accuracy = cells()[OTHER].published["accuracy"]
    assert re.search(rf"^{OTHER} B +{accuracy} +{published_seconds(cells()[OTHER]):.3g} .*published$", text, re.MULTILINE), text
    assert f"B = {STUDY}" in text
    assert STUDY in run("--machine=GTX")
    assert STUDY not in run("--machine=made-up")
    found = compared([made(OTHER)])
    assert 1 == sections.overview(found).count(f">{STUDY}<"), "in the chart's data"
