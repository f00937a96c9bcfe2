"""The two sides of a comparison: what each holds, and that nothing of the user's repository changes."""

import subprocess
from pathlib import Path

import pytest

from baselines import child, sides
from tests.self.baselines.two_sides import contents, git
from zoo import project

pytestmark = pytest.mark.self


def suite_in(folder):
    """Write the file that a checkout of the suite has."""
    (folder / "baselines").mkdir(parents=True)
    (folder / "baselines" / "train.py").touch()


@pytest.fixture
def top(tmp_path, monkeypatch):
    """A project's repository with two commits, of which the project is a folder."""
    folder = tmp_path / "repository"
    (folder / "mine").mkdir(parents=True)
    git(folder, "init", "-q", "-b", "main")
    suite_in(folder / "mine")
    folder.joinpath(".gitignore").write_text("data\n")
    for number in 1, 2:
        folder.joinpath("mine", "ours.toml").write_text(f"number = {number}\n")
        git(folder, "add", "-A")
        git(folder, "commit", "-q", "-m", str(number))
    git(folder, "tag", "first", "HEAD~1")
    monkeypatch.setenv(project.VARIABLE, str(folder / "mine"))
    return folder


@pytest.fixture
def into(tmp_path):
    folder = tmp_path / "into"
    folder.mkdir()
    return folder


def test_one_side_is_the_commit_and_the_other_the_files_as_they_are_but_for_ignored_ones(top, into):
    top.joinpath("mine", "ours.toml").write_text("number = 3\n")
    top.joinpath("mine", "new.py").write_text("NEW = 1\n")
    top.joinpath("data").write_text("large")
    before, after = sides.before(top, "HEAD~1", into), sides.after(top, into)
    own = [Path(side.place.variables[project.VARIABLE]) for side in (before, after)]
    assert ["number = 1\n", "number = 3\n"] == [path.joinpath("ours.toml").read_text() for path in own]
    assert [False, True] == [path.joinpath("new.py").exists() for path in own]
    assert not (into / "after" / "data").exists()
    assert (git(top, "rev-parse", "HEAD~1"), []) == (before.commit, before.uncommitted)
    assert ["mine/new.py", "mine/ours.toml"] == after.uncommitted
    assert f"HEAD~1 ({before.commit[:7]})" == before.name
    assert f"{after.commit[:7]} + 2 uncommitted files" == after.name


def test_a_file_that_was_deleted_is_not_in_the_files_as_they_are(top, into):
    top.joinpath("mine", "ours.toml").unlink()
    sides.after(top, into)
    assert [".gitignore", "train.py"] == sorted(path.name for path in (into / "after").rglob("*") if path.is_file())


def test_nothing_of_the_repository_changes(top, into):
    git(top, "status")  # which may write the index
    former = contents(top)
    before, after = sides.before(top, "first", into), sides.after(top, into)
    assert former == contents(top)
    assert "" == git(top, "worktree", "list", "--porcelain").partition("\n\n")[2]
    assert before.commit != after.commit


def test_variables_that_git_sets_for_its_hooks_name_no_other_repository(top, into, monkeypatch, tmp_path):
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    assert top == sides.repository()
    top.joinpath("mine", "new.py").touch()
    assert ["mine/new.py"] == sides.after(top, into).uncommitted


def test_without_a_project_the_suites_own_commits_are_compared(top, monkeypatch, into):
    monkeypatch.delenv(project.VARIABLE)
    monkeypatch.setattr(child, "ROOT", top / "mine")
    place = sides.before(sides.repository(), "HEAD", into).place
    assert (into / "before" / "mine", {}) == (place.root, place.variables)


@pytest.mark.parametrize("how", ["ignored", "submodule"])
def test_a_suite_that_the_projects_repository_does_not_hold_runs_from_where_it_is(top, tmp_path, monkeypatch, into, how):
    suite_in(tmp_path / "suite")
    git(tmp_path / "suite", "init", "-q")
    git(tmp_path / "suite", "add", "-A")
    git(tmp_path / "suite", "commit", "-q", "-m", "suite")
    if how == "submodule":
        git(top, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(tmp_path / "suite"), "zoobench")
        git(top, "commit", "-q", "-m", "with the suite")
    else:
        git(top, "clone", "-q", str(tmp_path / "suite"), "zoobench")
        top.joinpath(".gitignore").write_text("data\nzoobench\n")
    monkeypatch.setattr(child, "ROOT", top / "zoobench")
    monkeypatch.chdir(top)
    monkeypatch.setenv(project.VARIABLE, "mine")
    for side in sides.before(top, "HEAD", into), sides.after(top, into):
        assert top / "zoobench" == side.place.root
        assert into / side.place.variables[project.VARIABLE] in (into / "before" / "mine", into / "after" / "mine")


def test_a_project_that_git_does_not_know_is_refused_and_one_elsewhere_is_named_by_its_whole_path(top, tmp_path, monkeypatch, into):
    (top / "data").mkdir()
    (top / "data" / "ours.toml").touch()
    monkeypatch.setenv(project.VARIABLE, str(top / "data"))
    with pytest.raises(sides.SideError, match=rf"{top / 'data'} is in the git repository {top}, which has no file of it: git add it"):
        sides.after(top, into)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setenv(project.VARIABLE, "elsewhere")
    place = sides.before(top, "HEAD", into, top / "mine").place
    assert (into / "before" / "mine", str(tmp_path / "elsewhere")) == (place.root, place.variables[project.VARIABLE])


def test_a_checkout_without_the_suite_is_refused_but_not_for_a_commit_alone(top, into, monkeypatch):
    monkeypatch.delenv(project.VARIABLE)
    top.joinpath("mine", "baselines", "train.py").unlink()
    git(top, "commit", "-q", "-a", "-m", "broken")
    assert not sides.after(top, into, top / "mine").place.root.joinpath("baselines", "train.py").exists()
    assert sides.before(top, "first", into, top / "mine").place.root.joinpath("baselines", "train.py").exists()
    (into / "other").mkdir()
    with pytest.raises(sides.SideError, match=rf"--checkout {top} is not a checkout of the suite: it has no baselines/train.py"):
        sides.before(top, "first", into / "other", top)


def test_a_link_in_a_merge_conflict_is_copied_once(top, into):
    for branch, target in ("one", "a"), ("two", "b"):
        git(top, "checkout", "-q", "-b", branch, "main")
        top.joinpath("link").symlink_to(target)
        git(top, "add", "-A")
        git(top, "commit", "-q", "-m", branch)
    with pytest.raises(subprocess.CalledProcessError):
        git(top, "merge", "-q", "one")
    sides.after(top, into)
    assert (into / "after" / "link").is_symlink()


def test_the_commits_of_another_checkout_are_compared_with_its_own_code(top, tmp_path, into, monkeypatch):
    other = tmp_path / "other"
    git(tmp_path, "clone", "-q", str(top), str(other))
    monkeypatch.setattr(child, "ROOT", tmp_path)
    monkeypatch.chdir(tmp_path)
    checkout = Path("other", "mine")
    assert other == sides.repository(checkout)
    before, after = sides.before(other, "HEAD~1", into, checkout), sides.after(other, into, checkout)
    assert [into / name / "mine" for name in ("before", "after")] == [side.place.root for side in (before, after)]
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    with pytest.raises(sides.SideError, match=r"not in a git repository, so that no commit of it can be compared \(git .*\)$"):
        sides.repository(into)


def test_a_side_runs_its_own_code_whatever_path_python_is_given(tmp_path, monkeypatch):
    for name in "side", "elsewhere":
        (tmp_path / name / "baselines").mkdir(parents=True)
        (tmp_path / name / "baselines" / "__main__.py").write_text(f'print(\'{{"event": "{name}"}}\')')
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "elsewhere"))
    for variables in {}, {"PYTHONSAFEPATH": "1", "PYTHONPATH": str(tmp_path / "elsewhere")}:
        with child.events(place=child.Place(tmp_path / "side", variables=variables)) as events:
            assert [{"event": "side"}] == list(events)


def test_a_commit_that_is_not_there_and_a_folder_without_a_repository_are_refused_by_name(top, tmp_path, monkeypatch):
    with pytest.raises(sides.SideError, match=r"has no commit 'v9'; list them with git log"):
        sides.commit(top, "v9")
    bare = tmp_path / "bare"
    bare.mkdir()
    monkeypatch.setenv(project.VARIABLE, str(bare))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    with pytest.raises(sides.SideError, match=rf"{bare} is not in a git repository.*unset {project.VARIABLE}"):
        sides.repository()


def test_a_side_has_other_variables_and_another_backend_and_says_so(top, into):
    side = sides.changed(sides.after(top, into), variables=["XLA_FLAGS=--a=b", "OMP_NUM_THREADS=1"], backend="jax")
    given = {"XLA_FLAGS": "--a=b", "OMP_NUM_THREADS": "1", "KERAS_BACKEND": "jax"}
    assert given.items() <= side.place.variables.items()
    assert project.VARIABLE in side.place.variables
    assert side.name.endswith(", XLA_FLAGS=--a=b, OMP_NUM_THREADS=1, backend jax")
    for wrong in "XLA_FLAGS", "=1", "A B=1":
        with pytest.raises(sides.SideError, match=r"write it as NAME=VALUE"):
            sides.changed(side, variables=[wrong])
