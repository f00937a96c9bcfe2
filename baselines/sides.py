"""The two sides of a comparison: two work trees in a temporary folder, other packages, other variables.

Git writes a work tree with an index of its own: unlike ``git worktree``, nothing in .git changes, so that a comparison that is killed
leaves nothing there. A project's own repository is the one whose commits are compared, and both sides share the suite's checkout.
"""

import os
import shutil
from pathlib import Path
from typing import NamedTuple

from baselines import child, packages
from baselines.commands import CommandError, git
from baselines.commit import uncommitted
from zoo import project

TRAIN = Path("baselines", "train.py")  # what every checkout of the suite has that can train


class SideError(Exception):
    """A side cannot be made; the message names what was asked for and the next step."""


class Side(NamedTuple):
    """One of the two that are compared."""

    name: str  # what tables call it
    commit: str  # the whole hash
    uncommitted: list  # files that differ from the commit
    place: child.Place
    options: tuple = ("--keep-times",)  # of python -m baselines train


def repository(checkout=None):
    """The top folder of the git repository whose commits are compared: the project's, else the suite's.

    Args:
        checkout: pathlib.Path of another checkout of the suite, whose commits are compared in place of these, or None.

    Raises:
        SideError: it is not in one, or git is not installed.
    """
    of = checkout or project.folder() or child.ROOT
    try:
        return Path(git(of, "rev-parse", "--show-toplevel").strip())
    except CommandError as error:
        whose = f"; or unset {project.VARIABLE} to compare the suite's own commits" if of == project.folder() else ""
        raise SideError(f"{of} is not in a git repository, so that no commit of it can be compared ({error}){whose}") from None


def commit(top, revision):
    """The whole hash of a commit.

    Raises:
        SideError: the repository has no such commit.
    """
    try:
        return git(top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}").strip()
    except CommandError:
        raise SideError(
            f"{top} has no commit {revision!r}; list them with git log; a shallow clone gets them by git fetch --unshallow"
        ) from None


def before(top, revision, folder, checkout=None):
    """The Side of a commit, written into a folder; ``checkout`` as for ``repository``.

    Raises:
        SideError: there is no such commit; or the checkout has no suite, neither then nor now.
    """
    found = commit(top, revision)
    into, index = folder / "before", {"GIT_INDEX_FILE": str(folder / "index")}
    into.mkdir()
    git(top, "read-tree", found, variables=index)
    git(top, "checkout-index", "--all", f"--prefix={into}{os.sep}", variables=index)
    name = found[:7] if found.startswith(revision) else f"{revision} ({found[:7]})"
    place = _place(top, into, checkout, _names(top))
    if checkout and not any((each / TRAIN).is_file() for each in (checkout, place.root)):
        raise SideError(f"--checkout {checkout} is not a checkout of the suite: it has no {TRAIN}; name the folder that has it")
    return Side(name, found, [], place)


def after(top, folder, checkout=None):
    """The Side of the files as they are now, committed or not, but for those that git ignores; ``checkout`` as for ``repository``.

    Raises:
        SideError: the project is in the repository, but git knows no file of it.
    """
    found, into, names = commit(top, "HEAD"), folder / "after", _names(top)
    _check_project(top, names)
    for name in names:
        source, target = top / name, into / name
        if source.is_symlink() or source.is_file():  # not deleted, and not a submodule
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
    changed = uncommitted(top)
    more = f" + {len(changed)} uncommitted file{'s' * (len(changed) > 1)}" if changed else ""
    return Side(found[:7] + more, found, changed, _place(top, into, checkout, names))


def changed(side, requirements=(), variables=(), backend=None):
    """A Side with packages in other versions, other environment variables, another backend.

    Args:
        requirements: texts NAME==VERSION.
        variables: texts NAME=VALUE.
        backend: Keras's name of it, or None.

    Raises:
        SideError: a variable is not written as NAME=VALUE.
        ValueError, CommandError: as ``packages.environment``.
    """
    more = {}
    for text in variables:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise SideError(f"--env {text}: write it as NAME=VALUE")
        more[name] = value
    if backend:
        more["KERAS_BACKEND"] = backend
    place = side.place._replace(variables={**side.place.variables, **more})
    if requirements:
        place = place._replace(python=str(packages.environment(requirements)))
    named = [*requirements, *variables, *([f"backend {backend}"] if backend else [])]
    return side._replace(name=", ".join([side.name, *named]), place=place)


def _place(top, into, checkout, names):
    """Where a side's trainings run, given the repository's top folder, its copy and its files; what lies outside of it is both sides'.

    So does a suite that is a submodule of the project's repository, or a clone that it ignores: the copy lacks it.
    """
    suite, own = (checkout or child.ROOT).resolve(), project.folder()
    inside = suite.relative_to(top) if suite.is_relative_to(top) else None
    copied = inside is not None and ((inside / TRAIN).as_posix() in names or (into / inside / TRAIN).is_file())
    root = into / inside if copied else suite
    if own and own.is_relative_to(top):
        own = into / own.relative_to(top)
    return child.Place(root=root, variables={project.VARIABLE: str(own.absolute())} if own else {})


def _names(top):
    """The files of a repository that are there now or were at the last commit, but for those that git ignores."""
    listed = git(top, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    return list(dict.fromkeys(filter(None, listed)))  # one in a conflict is listed up to three times


def _check_project(top, names):
    """Raise SideError where the project is a folder of the repository that git knows no file of."""
    own = project.folder()
    if own and own.is_relative_to(top) and not any((top / name).is_relative_to(own) and top / name != own for name in names):
        raise SideError(
            f"{own} is in the git repository {top}, which has no file of it: git add it, or unset {project.VARIABLE}"
            " to compare the suite's own commits"
        )
