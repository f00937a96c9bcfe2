"""The page of a comparison, without a browser: what it says and in which order, and that all text stays text."""

import re
from dataclasses import replace

import pytest

from baselines import __main__ as command
from baselines import files
from baselines.report import charts, drawing, page, rows, table
from tests.self.baselines import fake_training
from tests.self.baselines.comparisons import of_ab
from tests.self.baselines.pages import Read, comparison, row, slower, trained

pytestmark = pytest.mark.self
EVIL = "</script><script>alert(1)</script><img src=x onerror=y>&\"'$"
HERE = {"fast-chip, tensorflow float32": "A", "slow-chip, tensorflow float32": "B", "GTX": ""}  # letters
OLDER = {"commit": "0ldc0de", "versions": {"keras": "3.14.1"}}


@pytest.fixture(autouse=True)
def undrawn(request, monkeypatch):
    """Charts are drawn only for the tests that ask for ``drawn``: without matplotlib, and in no time, they are empty drawings."""
    if "drawn" not in request.fixturenames:
        monkeypatch.setattr(drawing, "svg", lambda name, *args: f'<svg role="img" aria-label="{drawing.escape(name)}"></svg>')


@pytest.fixture
def drawn():
    """Skip where charts cannot be drawn."""
    pytest.importorskip("matplotlib", reason="charts are drawn in: tox -e page")


def test_the_first_that_a_page_says_is_what_is_red_then_the_answer_then_the_rows_worst_first():
    bad = row("vgg_like-mnist-afif", verdict="REGRESSED (accuracy)", reason="accuracy 0.6, expected 0.9 to 0.95")
    made = comparison(bad, row(), red=["vgg_like-mnist-afif on fast-chip: REGRESSED"], problems=["left out: x.json is damaged"])
    found = Read(page.page(made))
    text = found.text
    assert ["status red", "status red"] == [attrs["class"] for attrs in found.all("div") if attrs.get("class", "").startswith("status")]
    expected = ["1 red", "vgg_like-mnist-afif on fast-chip: REGRESSED", "x.json is damaged", "Twice as fast.", "What was measured"]
    expected += ["vgg_like-mnist-afif", "lenet5-mnist-afif", "Speed and accuracy", "expected 0.9 to 0.95", "Each cell", "Words and marks"]
    positions = [text.index(expected[0])]
    for each in expected[1:]:
        positions.append(text.index(each, positions[-1]))
    assert sorted(positions) == positions
    assert "Nothing regressed" not in text


def test_of_many_red_lines_all_can_be_read_and_the_first_five_stand_before_the_answer():
    found = Read(page.page(comparison(row(), red=[f"cell-{i} is red" for i in range(8)])))
    assert 1 + 3 == len(found.all("details")), "beside those of three charts"
    text = found.text.partition("Twice as fast.")[0]
    assert [4, 5, 7] == [i for i in (4, 5, 7) if f"cell-{i} is red" in text]
    assert text.index("cell-4") < text.index("and 3 more") < text.index("cell-5")


@pytest.mark.parametrize(
    ("verdict", "expected"), [("PASS", "Nothing regressed."), ("SUSPECT (time)", "Nothing regressed."), ("accepted", "Nothing was judged.")]
)
def test_a_page_without_a_red_verdict_says_whether_anything_was_judged(verdict, expected):
    assert expected in Read(page.page(comparison(row(verdict=verdict)))).text


def test_the_note_on_the_ratio_says_what_a_published_time_includes():
    notes = [Read(page.page(replace(comparison(row()), against=against))).text for against in (rows.PUBLISHED, "fast-chip")]
    assert [True, False] == [table.PUBLISHED_RATIO in note for note in notes]


def test_a_comparison_without_rows_is_a_page():
    found = Read(page.page(rows.Comparison([], "", "", [], [], ["left out: x.json"])))
    assert "left out: x.json" in found.text
    assert [] == found.all("table")


def evil():
    """A comparison whose every text holds markup."""
    told = row(f"{EVIL}-mnist-afif", (EVIL, EVIL, EVIL), verdict="PASS " + EVIL, reason=EVIL, marks=(EVIL,), published_accuracy=0.5)
    told = replace(told, dataset=EVIL, history=[trained(commit=EVIL), trained(2, commit="<b>", versions={"keras": EVIL})])
    more = {"answer": [EVIL], "red": [EVIL], "problems": [EVIL], "questions": [(EVIL, EVIL, [EVIL], [[EVIL]])]}
    made = comparison(told, ab=[of_ab(subject=EVIL, sides=[EVIL, EVIL], verdict=EVIL, when=EVIL, machine=EVIL)], **more)
    return replace(made, here=EVIL, against=EVIL)


def test_whatever_comes_from_records_stays_text():
    plain, found = (Read(page.page(made)) for made in (comparison(row()), evil()))
    assert [1, 1] == [len(each.all("script")) for each in (plain, found)]
    assert [] == found.all("img") + found.all("b")[3:]
    assert set() == {name for _, attrs in found.tags for name in attrs if name.startswith("on")}
    assert found.text.count(EVIL) >= 20


def test_the_text_of_drawings_stays_text_too(drawn):
    found = Read(page.page(evil()))
    assert 1 == len(found.all("script"))
    assert [] == found.all("img")
    assert 4 == len(found.all("svg"))
    assert all(f"{EVIL}, {EVIL} {EVIL}" in each for each in found.drawings), "a drawing's text is as it was"


def test_figures_in_the_text_of_drawings_keep_their_digits(drawn):
    where = ("chip-6.207 #000001 #000100", "jax", "float32")
    (curves,) = [each for each in Read(page.page(comparison(row(place=where)))).drawings if "epoch" in each and "seed" in each]
    assert f"seed 1, {where[0]}, jax float32: 0.9000" in curves


def test_a_folders_name_that_is_no_text_is_written(tmp_path, drawn):
    page.write(tmp_path / "page.html", comparison(row(place=("chip\udcff", "jax", "float32"))))
    assert "chip\\udcff" in Read((tmp_path / "page.html").read_text()).text


def test_a_page_fetches_nothing_and_no_two_elements_share_an_id(drawn):
    many = [row(f"{model}-mnist-afif", history=[trained(1), trained(2, **OLDER)]) for model in ("lenet5", "vgg_like")]
    made = page.page(comparison(*many, *map(slower, many)))
    found = Read(made)
    assert {"href"} == {name for _, attrs in found.tags for name in attrs if name in ("href", "src", "srcset", "action", "data")}
    links = {attrs["href"] for _, attrs in found.tags if "href" in attrs} - {"data:,"}
    ids = [attrs["id"] for _, attrs in found.tags if "id" in attrs]
    assert [] == [each for each in ids if ids.count(each) > 1]
    assert set() == links - {f"#{each}" for each in ids}
    assert set() == {each for each in re.findall(r"url\(([^)]*)\)", made) if each.lstrip("#'\"") not in ids}
    assert not re.search(r"https?:|@import|fetch\(|XMLHttp", made)


def test_every_chart_has_a_name_of_its_own_and_its_data_as_a_table(drawn):
    made = [row(history=[trained(1), trained(2, **OLDER)]), row("vgg_like-mnist-afif")]
    found = Read(page.page(comparison(*made)))
    names = [attrs["aria-label"] for attrs in found.all("svg")]
    expected = ["Epoch time by machine", "Accuracy against epoch time", "Learning curves of lenet5-mnist-afif"]
    assert [*expected, "History of lenet5-mnist-afif", "Learning curves of vgg_like-mnist-afif"] == names
    assert ["img"] * 5 == [attrs["role"] for attrs in found.all("svg")]
    boxes = [attrs.get("aria-label", "") for attrs in found.all("div")]
    assert [f"Data: {name}" for name in names] == [each for each in boxes if each.startswith("Data: ")]
    assert 5 == len(found.all("figure")) == len(found.all("figcaption")) == len(found.all("details"))


def test_every_box_that_scrolls_has_a_name_and_can_be_reached_by_the_keyboard():
    boxes = [attrs for attrs in Read(page.page(comparison(row(published_accuracy=0.9)))).all("div") if attrs.get("class") == "box"]
    assert 8 == len(boxes)
    assert all(each["tabindex"] == "0" and each["role"] == "region" and each["aria-label"] for each in boxes)


def test_figures_sort_by_their_values_and_columns_without_any_are_left_out():
    found = Read(page.page(comparison(row(seconds=12.0), row("vgg_like-mnist-afif", seconds=None, accuracy=None))))
    assert "12.0" in [attrs.get("data-by") for attrs in found.all("td")]
    assert "0.9" in [attrs.get("data-by") for attrs in found.all("td")]
    assert "seconds an epoch" in found.text
    assert "memory" not in found.text.partition("Words and marks")[0]


def test_published_numbers_that_did_not_come_out_come_first_and_those_of_unlike_trainings_last():
    near, far = row("lenet5-mnist-afif", published_accuracy=0.9), row("vgg_like-mnist-afif", published_accuracy=0.5)
    part = row("resnet20_v1-mnist-afif_resnet", published_accuracy=0.1, marks=("sample",))
    text = Read(page.page(comparison(part, near, far))).text.partition("Published and measured accuracy")[2].partition("Speed and")[0]
    results = re.findall(r"(vgg|lenet|resnet20)|(did not come out|came out)", text)
    assert [("vgg", ""), ("", "did not come out"), ("lenet", ""), ("", "came out"), ("resnet20", "")] == results


def test_each_machine_has_one_letter_and_one_colour_in_all_charts(drawn):
    here, there = row(), slower(row())
    made = comparison(here, there, slower(row("vgg_like-mnist-afif")))
    found = Read(page.page(made))
    assert "B = slow-chip, tensorflow float32; the reference" in found.text
    times, *_, only_b = [each for each in found.drawings if "= slow-chip" in each]
    assert "A = fast-chip" in times
    assert "A = fast-chip" not in only_b
    shown = page.page(made).split("<svg")[-1]
    assert ["1"] == sorted(set(re.findall(r"--series-(\d)", shown)))


def test_curves_show_the_accuracy_that_is_judged_and_not_that_of_the_training_images():
    seen = {"accuracy": [0.9, 1.0], "test_accuracy": [0.8, 0.93]}
    assert ("test", [0.8, 0.93]) == rows.curve(seen)
    assert ("validation", [0.7]) == rows.curve({"accuracy": [1.0], "validation_accuracy": [0.7]})
    assert ("training", [1.0]) == rows.curve({"accuracy": [1.0]})
    chart = charts.curves("a", letters=HERE, rows=[row(history=[trained(accuracies=[0.8, 0.93])])])
    assert [[1, "0.8000"], [2, "0.9300"]] == chart.rows
    assert "on the test images" in chart.note


def test_curves_are_of_the_newest_trainings_thinned_but_with_the_first_and_the_last_epoch():
    long = [trained(seed, accuracies=[epoch / 1000 for epoch in range(1, 164)]) for seed in range(1, 9)]
    chart = charts.curves("a", letters=HERE, rows=[row(history=[*long, trained(9, accuracies=[None])])])
    assert ["epoch", *(f"seed {seed}, A" for seed in (6, 7, 8))] == chart.headers
    assert [1, 7, 14] == [each[0] for each in chart.rows[:3]]
    assert [163, *["0.1630"] * 3] == chart.rows[-1]
    assert charts.EPOCHS >= len(chart.rows) - 2
    assert charts.curves("a", letters=HERE, rows=[row(history=[trained(accuracies=[])])]) is None


def test_a_history_goes_over_commits_and_versions_of_one_machine_in_the_order_of_time():
    here = row(history=[trained(3), trained(2, **OLDER), trained(1, **OLDER, accuracies=[0.8])])
    chart = charts.history("a", letters=HERE, rows=[here])
    older = ["2026-01-01", "0ldc0de", "keras 3.14.1", "0.8500 (0.8000 to 0.9000, n=2)", "2.15 (2.10 to 2.20, n=2)"]
    assert [older, ["2026-01-03", "c0ffee1", "keras 3.15.1", "0.9000", "2.30"]] == chart.rows
    assert ["accuracy, A", "seconds an epoch, A"] == chart.headers[3:]
    assert charts.history("a", letters=HERE, rows=[row(), replace(slower(row()), history=[trained(2, **OLDER)])]) is None, (
        "each machine was only once"
    )
    many = [trained(day, commit=f"{day:07}") for day in range(1, 29)]
    assert [f"{day:07}" for day in range(19, 29)] == [each[1] for each in charts.history("a", letters=HERE, rows=[row(history=many)]).rows]


def test_a_history_never_joins_trainings_of_unlike_data_or_recipes():
    whole = row(history=[trained(2), trained(1, **OLDER)], data="all", recipe="a")
    short = row(history=[trained(3, accuracies=[0.1])], data="all", recipe="b", marks=("--epochs 1",), when="2026-01-03")
    part = row(history=[trained(4, accuracies=[0.2])], data="part", recipe="a", marks=("sample",), when="2026-01-04")
    assert ["0.9000", "0.9000"] == [each[3] for each in charts.history("a", [short, whole, part], HERE).rows]
    assert "seed 3, A (--epochs 1)" in charts.curves("a", [short, whole], HERE).headers


def test_rows_that_were_not_trained_to_the_end_are_no_points_beside_the_others():
    chart = charts.accuracy_and_time([row(), row("vgg_like-mnist-afif", marks=("--epochs 1",)), row(kind="published")])
    assert [["lenet5-mnist-afif", "fast-chip, tensorflow float32", "", "0.9000", "2.00"]] == chart.rows
    assert charts.accuracy_and_time([row(seconds=None)]) is None
    times = charts.times([row(), slower(row(), 4), row(kind="published", place=("GTX", "", ""), seconds=20.0)], HERE)
    assert [("fast-chip, tensorflow float32", "2.00"), ("slow-chip, tensorflow float32", "8.00"), ("GTX", "20.0")] == [
        (each[1], each[4]) for each in times.rows
    ]


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, ""), (float("nan"), ""), (0, "0"), (0.0123456, "0.0123"), (0.9996, "1.00"), (2.0, "2.00"), (99.96, "100"), (12345.6, "12346")],
)
def test_a_number_has_three_digits_and_no_exponent(value, expected):
    assert expected == drawing.number(value)


def test_html_writes_the_page_and_keeps_the_exit_code(tmp_path, capsys, put, monkeypatch):
    monkeypatch.setattr(drawing, "missing", lambda: "")
    put(*(fake_training.record("lenet5-mnist-afif", seed=seed, accuracy=0.98 + seed / 1000) for seed in (1, 2, 3)), accepted=True)
    put(fake_training.record("lenet5-mnist-afif", seed=4, accuracy=0.6))
    assert 1 == command.main(["compare", f"--storage={tmp_path}", "--html", str(tmp_path / "page.html")])
    assert "REGRESSED" in capsys.readouterr().out
    assert re.search("1 red.*lenet5-mnist-afif on made-up-chip", Read((tmp_path / "page.html").read_text()).text, re.DOTALL)


def test_without_matplotlib_html_is_one_line_that_says_how_to_get_it(tmp_path, capsys, put, monkeypatch):
    monkeypatch.setattr(drawing, "find_spec", lambda name: None)
    put(fake_training.record())
    assert 2 == command.main(["compare", f"--storage={tmp_path}", f"--html={tmp_path / 'page.html'}"])
    printed = capsys.readouterr()
    assert ("", 1) == (printed.out, printed.err.count("\n"))
    assert "--html needs matplotlib" in printed.err
    assert "pip install matplotlib" in printed.err
    assert not (tmp_path / "page.html").exists()


def test_a_page_that_cannot_be_written_is_one_line(tmp_path):
    with pytest.raises(
        files.StoreError, match=r"--html=.*no-folder/page.html: cannot be written .*No such file.*; name a file in a folder"
    ):
        page.write(tmp_path / "no-folder" / "page.html", comparison(row()))
