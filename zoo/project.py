"""The project: a folder of the user's own whose models, tables, goldens and records stand beside the suite's.

``$ZOOBENCH_PROJECT``, or pytest's ``--project``, names it. Everything in it is optional. The suite's checkout stays unchanged.
"""

import importlib
import os
import sys
from types import ModuleType

from loaders import user

VARIABLE = "ZOOBENCH_PROJECT"
PACKAGE = "zoobench_project"  # name that the folder is imported by, so that its zoo and the suite's are two packages


def folder():
    """The project's folder, or None.

    Raises:
        ValueError: it does not exist, or has no home for its ~.
    """
    name = os.environ.get(VARIABLE)
    if not name:
        return None
    try:
        path = user.path(name).resolve()
    except user.PathError as error:
        raise ValueError(f"{VARIABLE}: {error}") from error
    if not path.is_dir():
        raise ValueError(f"{VARIABLE} or --project names a folder that does not exist: {name}; make it or name another")
    return path


def models():
    """Name -> zoo.Model of the project's models: ``MODELS`` in its zoo/__init__.py, if it has one.

    Raises:
        ValueError: its zoo has no table of that name, or cannot be imported.
    """
    path = folder()
    if path is None or not (path / "zoo" / "__init__.py").is_file():
        return {}
    try:
        return dict(module("zoo").MODELS)
    except Exception as error:  # the project's code may raise anything
        raise ValueError(
            f"{path / 'zoo' / '__init__.py'}: {type(error).__name__}: {error}; check that it holds MODELS, a dict of name -> zoo.Model"
        ) from error


def module(name):
    """A module of the project, such as ``zoo`` or ``zoo.mine``."""
    path = folder()
    package = sys.modules.get(PACKAGE)
    if package is None or package.__path__ != [str(path)]:
        for old in [key for key in sys.modules if key == PACKAGE or key.startswith(f"{PACKAGE}.")]:
            del sys.modules[old]
        sys.modules[PACKAGE] = package = ModuleType(PACKAGE)
        package.__path__ = [str(path)]
    return importlib.import_module(f"{PACKAGE}.{name}")


def function(module_name, name):
    """The function of a model, of a module in the project's zoo.

    Raises:
        ValueError: the module cannot be imported, or has no such function.
    """
    try:
        return getattr(module(f"zoo.{module_name}"), name)
    except Exception as error:  # any error of the user's code
        path = folder() / "zoo" / f"{module_name}.py"
        raise ValueError(
            f"{path}: {type(error).__name__}: {error}; it holds the function {name}(shape, classes) that MODELS names"
        ) from error
