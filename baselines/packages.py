"""An environment with this one's packages, some of them in other versions: what `ab --with keras==3.14.1` trains one side in."""

import hashlib
import os
import re
import shutil
import sys
import sysconfig
from importlib.metadata import distributions

from baselines.commands import CommandError, run
from loaders import user

# Anything else, such as a file or keras>=3, may become another package under the same text, and an environment is kept by its text.
EXACT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(\[[A-Za-z0-9._,-]+\])?==[A-Za-z0-9][A-Za-z0-9.!+_-]*")


def environment(requirements):
    """The Python of an environment with other packages: made once, and kept in the user's cache.

    It lies over this environment and holds only what pip has to change, so that everything else stays equal.

    Args:
        requirements: texts NAME==VERSION.

    Raises:
        ValueError: one is not written so.
        CommandError: it cannot be made.
    """
    for each in requirements:
        if not EXACT.fullmatch(each):
            raise ValueError(f"--with {each!r} is not a package with its exact version; write it as keras==3.14.1")
    here = sorted(f"{each.metadata['Name']} {each.version}" for each in distributions())
    about = "\n".join([sys.executable, sys.version, *requirements, *here])
    folder = user.cache_folder() / "environments" / hashlib.sha256(about.encode()).hexdigest()[:16]
    python = folder / "bin" / "python"
    if python.exists():
        return python
    part = folder.with_name(f"{folder.name}.{os.getpid()}")
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        _make(part, requirements)
        part.rename(folder)
    except OSError as error:
        if not python.exists():  # another process may have made it meanwhile
            raise CommandError(f"{part}: an environment cannot be made there: {error}; name another folder in XDG_CACHE_HOME") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return python


def _make(folder, requirements):
    make = ["uv", "venv", "--quiet", "--seed", "--python", sys.executable] if shutil.which("uv") else [sys.executable, "-m", "venv"]
    run([*make, str(folder)], "an environment cannot be made")
    own = next(folder.glob("lib/python*/site-packages"))
    paths = dict.fromkeys(sysconfig.get_paths()[key] for key in ("purelib", "platlib"))
    own.joinpath("under.pth").write_text("".join(f"import site; site.addsitedir({path!r})\n" for path in paths), encoding="utf-8")
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run([*pip, *requirements], f"--with {' '.join(requirements)}: cannot be installed")
