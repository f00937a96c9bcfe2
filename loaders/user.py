"""What a user gives and reads: paths with ~ in options, variables and tables, and text on any terminal.

With ``seen``, the only module that ``loaders`` and ``zoo`` share; it imports nothing of the suite.
"""

import argparse
import codecs
import io
import os
import sys
from pathlib import Path

ASCII = {"±": "+-", "…": "...", "µ": "u"}  # what a terminal without these characters shows


class PathError(argparse.ArgumentTypeError, ValueError):
    """A path that cannot be followed, as argparse and all other code catch it; the message names it and the next step."""


def expanded(text):
    """The Path of a user's text, with a home in place of ~ and ~NAME, as a shell expands it.

    Raises:
        PathError: there is no such home.
    """
    path = os.path.expanduser(text)
    if os.fspath(path).startswith("~"):
        raise PathError(f"{text}: there is no home directory for its ~; write the whole path (./~ for a folder of that name)")
    return Path(path)


def path(text):
    """The same of an option or a variable; nothing needs to be there.

    Raises:
        PathError: there is no such home; or nobody can tell what is there: a folder that is not yours, a link to itself, too long a name.
    """
    path = expanded(text)
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError) as error:
        raise PathError(f"{text}: {getattr(error, 'strerror', None) or error}; name another") from error
    return path


def cache_folder():
    """The suite's folder in the user's cache, which need not exist yet.

    Raises:
        PathError: the user has neither $XDG_CACHE_HOME nor a home.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME", ""))  # a relative one is to be ignored, says the XDG Base Directory Specification
    return (cache if cache.is_absolute() else expanded("~/.cache")) / "zoobench"


def keras_home():
    """Keras's own folder, found as Keras does: $KERAS_HOME, else .keras in the home or, where that cannot be written to, in /tmp."""
    home = os.path.expanduser("~")
    return Path(os.path.expanduser(os.environ.get("KERAS_HOME", os.path.join(home if os.access(home, os.W_OK) else "/tmp", ".keras"))))


def print_any_text():
    """Let stdout and stderr show every text: a character that they cannot encode becomes one of ``ASCII``, or an escape such as \\xe9."""
    codecs.register_error("zoobench", _encodable)
    for stream in sys.stdout, sys.stderr:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="zoobench")


def _encodable(error):
    text = error.object[error.start : error.end]
    return "".join(ASCII.get(each, each.encode("ascii", "backslashreplace").decode()) for each in text), error.end
