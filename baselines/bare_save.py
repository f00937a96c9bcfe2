"""Allows ``--benchmark-save`` without a name, which pytest-benchmark alone refuses.

A plugin of its own, named in pytest.ini after pytest-benchmark: a conftest is read too late for it.
"""

NAME = "run"


def pytest_addoption(parser):
    action = parser.optparser._option_string_actions["--benchmark-save"]  # pytest has no public function for this
    action.nargs, action.const = "?", NAME
