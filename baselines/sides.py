"""The two sides of a comparison: two work trees in a temporary folder, an environment with other packages, other variables.

Git writes a work tree with an index of its own: unlike ``git worktree``, nothing in .git changes, so that a comparison that is killed
leaves nothing there. A project's own repository is the one whose commits are compared, and both sides share the suite's checkout.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from importlib.metadata import distributions
from pathlib import Path
from typing import NamedTuple

from baselines import child
from baselines.commit import uncommitted
from loaders import user
from zoo import project

GIT = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")  # which git sets for its hooks, and which would name another repository


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
        return Path(_git(of, "rev-parse", "--show-toplevel").strip())
    except SideError as error:
        whose = f"; or unset {project.VARIABLE} to compare the suite's own commits" if of == project.folder() else ""
        raise SideError(f"{of} is not in a git repository, so that no commit of it can be compared ({error}){whose}") from None


def commit(top, revision):
    """The whole hash of a commit.

    Raises:
        SideError: the repository has no such commit.
    """
    try:
        return _git(top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}").strip()
    except SideError:
        raise SideError(
            f"{top} has no commit {revision!r}; list them with git log; a shallow clone gets them by git fetch --unshallow"
        ) from None


def before(top, revision, folder, checkout=None):
    """The Side of a commit, written into a folder; ``checkout`` as for ``repository``."""
    found = commit(top, revision)
    into, index = folder / "before", {"GIT_INDEX_FILE": str(folder / "index")}
    into.mkdir()
    _git(top, "read-tree", found, variables=index)
    _git(top, "checkout-index", "--all", f"--prefix={into}{os.sep}", variables=index)
    name = found[:7] if found.startswith(revision) else f"{revision} ({found[:7]})"
    return Side(name, found, [], _place(top, into, checkout))


def after(top, folder, checkout=None):
    """The Side of the files as they are now, committed or not, but for those that git ignores; ``checkout`` as for ``repository``."""
    found, into = commit(top, "HEAD"), folder / "after"
    for name in _names(_git(top, "ls-files", "-z", "--cached", "--others", "--exclude-standard")):
        source, target = top / name, into / name
        if source.is_symlink() or source.is_file():  # not deleted, and not a submodule
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
    changed = uncommitted(top)
    more = f" + {len(changed)} uncommitted file{'s' * (len(changed) > 1)}" if changed else ""
    return Side(found[:7] + more, found, changed, _place(top, into, checkout))


def changed(side, requirements=(), variables=(), backend=None):
    """A Side with packages in other versions, other environment variables, another backend.

    Args:
        requirements: of pip's, such as ``keras==3.14.1``.
        variables: texts NAME=VALUE.
        backend: Keras's name of it, or None.

    Raises:
        SideError: a package cannot be installed, or a variable is not written as NAME=VALUE.
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
        place = place._replace(python=str(environment(requirements)))
    named = [*requirements, *variables, *([f"backend {backend}"] if backend else [])]
    return side._replace(name=", ".join([side.name, *named]), place=place)


def environment(requirements):
    """The Python of an environment with this one's packages, some of them in other versions: made once, and kept in the user's cache.

    It lies over this environment and holds only what pip has to change, so that everything else stays equal.

    Raises:
        SideError: it cannot be made.
    """
    for each in requirements:
        if each.startswith("-") or not each.strip():
            raise SideError(f"--with {each!r} is not a package with its version; write it as keras==3.14.1")
    here = sorted(f"{each.metadata['Name']} {each.version}" for each in distributions())
    about = "\n".join([sys.executable, sys.version, *requirements, *here])
    folder = user.cache_folder() / "environments" / hashlib.sha256(about.encode()).hexdigest()[:16]
    python = folder / "bin" / "python"
    if python.exists():
        return python
    part = folder.with_name(f"{folder.name}.{os.getpid()}")
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        make = ["uv", "venv", "--quiet", "--seed", "--python", sys.executable] if shutil.which("uv") else [sys.executable, "-m", "venv"]
        _run([*make, str(part)], "an environment cannot be made")
        own = next(part.glob("lib/python*/site-packages"))
        paths = dict.fromkeys(sysconfig.get_paths()[key] for key in ("purelib", "platlib"))
        own.joinpath("under.pth").write_text("".join(f"import site; site.addsitedir({path!r})\n" for path in paths), encoding="utf-8")
        pip = [str(part / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*pip, *requirements], f"--with {' '.join(requirements)}: cannot be installed")
        part.rename(folder)
    except OSError as error:
        raise SideError(f"{part}: an environment cannot be made there: {error}; name another folder in XDG_CACHE_HOME") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return python


def _place(top, into, checkout):
    """Where a side's trainings run, given the repository's top folder and its copy; what lies outside of it is both sides'."""
    suite, own = (checkout or child.ROOT).resolve(), project.folder()
    root = into / suite.relative_to(top) if suite.is_relative_to(top) else suite
    variables = {project.VARIABLE: str(into / own.relative_to(top))} if own and own.is_relative_to(top) else {}
    return child.Place(root=root, variables=variables)


def _names(listed):
    return [name for name in listed.split("\0") if name]


def _git(folder, *args, variables=None):
    """What a git command prints."""
    inherited = {name: value for name, value in os.environ.items() if name not in GIT}
    return _run(["git", "-C", str(folder), *args], f"git {args[0]} failed", {**inherited, **(variables or {})})


def _run(command, wrong, variables=None):
    """What a command prints; SideError with the end of what it printed to stderr where it fails."""
    try:
        done = subprocess.run(command, capture_output=True, env=variables, stdin=subprocess.DEVNULL)
    except OSError as error:
        raise SideError(f"{wrong}: {error}") from error
    if done.returncode:
        lines = [line for line in done.stderr.decode(errors="replace").splitlines() if line.strip()]
        raise SideError(f"{wrong}: {' '.join(lines[-2:]) or f'exit code {done.returncode}'}")
    return done.stdout.decode(errors="surrogateescape")
