"""What a session and `compare` say on GitHub, and what JUnit has of a session."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from baselines.__main__ import main
from baselines.cells import cells
from baselines.report import ci
from tests.self.baselines import fake_training
from tests.self.baselines.sessions import CELL, FULL, MEAN, ONE, accept, junit

pytestmark = pytest.mark.self
ROOT = Path(__file__).parents[3]
HEADING = "## zoobench: "


@pytest.fixture
def github(tmp_path, monkeypatch):
    """The file of the step's summary, on GitHub."""
    file = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(file))
    monkeypatch.setenv("GITHUB_WORKSPACE", str(ROOT))
    return file


@pytest.fixture
def storage(tmp_path):
    """The storage of ``suite``, with accepted records of CELL."""
    folder = tmp_path / "storage"
    folder.mkdir()
    accept(folder)
    return folder


def errors(text):
    """The error annotations in a log: a list of (file, line, title, message), as GitHub reads them."""
    found = re.findall(r"^::error file=([^,:]*),line=(\d+),title=([^,:]*)::(.*)$", text, re.MULTILINE)
    plain = [("%2C", ","), ("%3A", ":"), ("%0A", "\n"), ("%0D", "\r"), ("%25", "%")]
    for old, new in plain:
        found = [tuple(part.replace(old, new) for part in each) for each in found]
    assert len(found) == text.count("::error ")
    return found


# Sessions


def test_a_red_session_says_in_the_steps_summary_what_is_red_and_what_comes_next(suite, storage, github):
    github.write_text("# from the step before\n")
    done = suite(*FULL, "--model=lenet5", "--dataset=mnist", "--recipe=afif,gate", cells={CELL: {"accuracy": MEAN - 0.02}})
    assert 1 == done.returncode
    before, heading, text = github.read_text().partition(HEADING)
    assert ("# from the step before\n", HEADING) == (before, heading)
    assert text.startswith("1 red, 3 other verdicts\n")
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert "| verdict | of | |" == rows[0]
    assert rows[1].startswith(f"| **REGRESSED** | {CELL} | ")
    assert f"accuracy {MEAN - 0.02:.4f}" in rows[1]
    assert 4 == len(rows[1:])
    assert {CELL, "lenet5-mnist-gate"} == {row.split(" | ")[1] for row in rows[2:]}
    commands = text.partition("```sh\n")[2].partition("```")[0]
    assert "# train it again\npytest -m full --model lenet5 --dataset mnist --recipe afif --benchmark-save=settle" in commands
    assert f"# if it is meant\npython -m baselines accept --cell {CELL}" in commands
    assert "make it the baseline" not in commands, "of what has no baseline, as long as something is red"


def test_a_session_without_a_red_verdict_says_so(suite, storage, github):
    done = suite(*ONE, "--benchmark-save=x", accuracy=MEAN)
    assert 0 == done.returncode
    assert HEADING + "nothing red, 2 other verdicts\n" in github.read_text()
    assert f"| PASS | {CELL} | accuracy" in github.read_text()
    assert re.search(r"^- stored in .*_x\\_", github.read_text(), re.MULTILINE)
    assert "::error" not in done.output


def test_the_annotation_of_a_red_cell_is_on_its_row_in_the_table(suite, storage, github):
    done = suite(*ONE, accuracy=MEAN - 0.02)
    ((file, line, title, message),) = errors(done.stdout)
    assert ("baselines/published/afif.toml", f"{CELL} REGRESSED") == (file, title)
    row = (ROOT / file).read_text().splitlines()[int(line) - 1]
    assert 'model = "lenet5", dataset = "mnist", recipe = "afif"' in row
    assert f"accuracy {MEAN - 0.02:.4f}" in message.splitlines()[0]
    assert message.splitlines()[1].startswith("train it again: pytest ")


def test_elsewhere_nothing_is_written_or_annotated(suite, storage, tmp_path):
    done = suite(*ONE, accuracy=MEAN - 0.02)
    assert 1 == done.returncode
    assert "::error" not in done.output
    assert not list(tmp_path.glob("*.md"))


def test_a_summary_that_cannot_be_written_costs_nothing_but_a_line(suite, storage, github, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(github / "missing" / "x.md"))
    done = suite(*ONE, accuracy=MEAN)
    assert 0 == done.returncode
    assert "the step's summary could not be written: " in done.stdout


def test_under_xdist_each_verdict_and_each_annotation_is_there_once(suite, storage, github):
    args = ("-m", "quick", "tests/test_accuracy.py", "--dataset=digits", "-n", "2")
    done = suite(*args, accuracy=0.3)
    assert 1 == done.returncode
    assert 1 == github.read_text().count(HEADING)
    assert 1 == github.read_text().count("| **REGRESSED** | lenet5-digits-digits\\_lenet |")
    assert [("baselines/ours.toml", "lenet5-digits-digits_lenet REGRESSED")] == [(file, title) for file, _, title, _ in errors(done.stdout)]


def test_a_training_that_crashed_is_annotated_at_its_cell_too(suite, storage, github):
    done = suite(*ONE, crash=CELL)
    found = errors(done.stdout)
    assert {("baselines/published/afif.toml", f"{CELL} FAILED")} == {(file, title) for file, _, title, _ in found}
    assert f"| **FAILED** | {CELL} | " in github.read_text()


def test_the_failure_and_the_properties_in_junit_have_the_verdicts_line(suite, storage, tmp_path):
    suite(*ONE, f"--junitxml={tmp_path / 'report.xml'}", accuracy=MEAN - 0.02)
    failure, properties = junit(tmp_path / "report.xml")[f"test_accuracy[{CELL}]"]
    assert properties["verdict"].startswith(f"{CELL} REGRESSED: accuracy {MEAN - 0.02:.4f}")
    message = failure.splitlines()[0]
    assert f"AssertionError: {properties['verdict']}" == message
    assert [True, True] == [
        line.startswith(start)
        for line, start in zip(properties["commands"].splitlines(), ("train it again: ", "if it is meant: "), strict=True)
    ]


# Reports without a session


def report(nodeid="tests/test_x.py::test_y[lenet5-1]", red=True, verdict="", message="assert 1 == 2\nmore", line=41, when="call", **told):
    crash = SimpleNamespace(reprcrash=SimpleNamespace(message=message))
    properties = [*([("verdict", verdict)] if verdict else []), *told.items()]
    return SimpleNamespace(
        nodeid=nodeid, location=(nodeid.partition("::")[0], line, ""), longrepr=crash, user_properties=properties, when=when
    )


def told(**stats):
    """What ``ci.session`` writes on the terminal."""
    lines = []
    ci.session(SimpleNamespace(stats=stats, write_line=lines.append, ensure_newline=lambda: None), ["the end"])
    return lines


def test_a_failed_test_without_a_verdict_is_annotated_on_its_own_line(github):
    assert [("tests/test_x.py", "42", "tests/test_x.py::test_y[lenet5-1] FAILED", "assert 1 == 2")] == errors(
        "\n".join(told(failed=[report()]))
    )
    assert "| **FAILED** | tests/test\\_x.py::test\\_y\\[lenet5-1\\] | assert 1 == 2 |" in github.read_text()


def test_a_session_without_verdicts_and_failures_says_nothing(github):
    assert [] == told(passed=[report(red=False)])
    assert not github.exists()


def test_a_failed_set_up_counts_and_a_repeated_test_counts_once(github):
    told(error=[report(when="setup")], failed=[report("tests/a.py::b"), report("tests/a.py::b")])
    assert HEADING + "2 red, 0 other verdicts\n" in github.read_text()


def test_a_file_that_cannot_be_collected_is_annotated_at_its_beginning(github):
    collected = SimpleNamespace(
        nodeid="tests/test_x.py", location=("tests/test_x.py", None, ""), longrepr="ImportError: x\nmore", when="collect"
    )
    assert [("tests/test_x.py", "1", "tests/test_x.py FAILED", "ImportError: x")] == errors("\n".join(told(error=[collected])))


def test_red_comes_first_then_the_worst_verdict(github):
    words = ["PASS", "SUSPECT", "SAME", "NO-BASELINE"]
    passed = [report(f"a.py::{word}", verdict=f"{CELL} {word}: accuracy") for word in words]
    told(
        passed=passed, failed=[report("a.py::r", verdict=f"{CELL} REGRESSED: accuracy"), report("a.py::s", verdict=f"{CELL} PASS: strict")]
    )
    found = re.findall(r"^\| (\S+) \| lenet", github.read_text(), re.MULTILINE)
    assert ["**REGRESSED**", "**PASS**", "SUSPECT", "NO-BASELINE", "PASS", "SAME"] == found


def test_what_the_text_of_a_verdict_holds_is_no_markdown_and_no_command(github):
    text = "a | b\r\n<script>, 5 % *worse*: ::warning:: `x` [y](z) x_1"
    lines = told(failed=[report("a.py::t[a,b:c]", message=text.replace("\r\n", " "))])
    assert "a \\| b &lt;script>, 5 % \\*worse\\*: ::warning:: \\`x\\` \\[y\\](z) x\\_1 |" in github.read_text()
    assert [
        "::error file=a.py,line=42,title=a.py%3A%3At[a%2Cb%3Ac] FAILED::a | b <script>, 5 %25 *worse*: ::warning:: `x` [y](z) x_1"
    ] == lines
    assert "a%0D%0Ab%2525" == ci._data("a\r\nb%25")
    assert "a%3Ab%2Cc%0A" == ci._property("a:b,c\n")


def test_many_failures_are_ten_annotations_and_a_table_that_ends(github):
    failed = [report(f"a.py::{i}", commands=f"train it again: pytest {i}") for i in range(150)]
    assert ci.ANNOTATIONS == len(errors("\n".join(told(failed=failed))))
    text = github.read_text()
    assert ci.ROWS == text.count("| **FAILED** |")
    assert "and 50 more: see the step's log" in text
    assert (ci.COMMANDS, 1) == (text.count("# train it again\n"), text.count("# and more: see"))


def test_a_summary_that_github_would_refuse_is_cut(github):
    told(failed=[report(f"a.py::{i}", message="é" * 20_000) for i in range(60)])
    content = github.read_bytes()
    assert 800_000 < len(content) < 2**20
    assert content.decode().endswith("and more: see the step's log\n\n")


def test_every_cells_place_is_its_row():
    for cell in cells().values():
        file, line = ci.place(cell.id)
        row = (ROOT / file).read_text().splitlines()[line - 1]
        assert all(f'"{value}"' in row for value in (cell.model, cell.dataset, cell.recipe_name)), cell.id


def test_files_are_named_as_github_sees_them(github, monkeypatch, tmp_path):
    monkeypatch.setenv("GITHUB_WORKSPACE", str(ROOT.parent))
    assert f"{ROOT.name}/baselines/ours.toml" == ci.place("lenet5-mnist-gate")[0]


# compare


def test_compare_tells_what_is_red_on_github(storage, github, capsys):
    fake_training.stored(storage, 9, "new", [fake_training.record(CELL, seed=9, accuracy=0.95)])
    assert 1 == main(["compare", "--storage", str(storage)])
    printed = capsys.readouterr()
    assert "::error" not in printed.out
    ((file, line, title, message),) = errors(printed.err)
    assert ("baselines/published/afif.toml", ci.place(CELL)[1]) == (file, int(line))
    assert f"{CELL} on {fake_training.MACHINE}, 0009_new_0.json REGRESSED" == re.sub("_new_.*json", "_new_0.json", title)
    assert message.startswith("REGRESSED: accuracy 0.9500")
    assert github.read_text().startswith(HEADING + "comparison, 1 red\n")
    assert f"| {CELL} " in github.read_text()
    assert "REGRESSED" in github.read_text()


def test_compare_elsewhere_annotates_nothing(storage, capsys, tmp_path):
    fake_training.stored(storage, 9, "new", [fake_training.record(CELL, seed=9, accuracy=0.95)])
    assert 1 == main(["compare", "--storage", str(storage)])
    assert "::error" not in capsys.readouterr().err
    assert not list(tmp_path.glob("*.md"))
