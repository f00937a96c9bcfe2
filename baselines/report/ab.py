"""Comparisons that `python -m baselines ab` stored: <storage>/<machine>/ab/*.json."""

import json

KEYS = ("of", "subject", "sides", "verdict", "ratio", "low", "high", "sees", "pairs", "minutes", "when")


def stored_ab(storage, problems=None):
    """The comparisons of a storage, oldest first: a list of dicts with KEYS and the machine's folder.

    Args:
        storage: pathlib.Path of the folder of the machines' folders.
        problems: list that a line is added to for every file that cannot be read.
    """
    found = []
    for path in sorted(storage.glob("*/ab/*.json")):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            found.append({"machine": path.parent.parent.name, **{key: content[key] for key in KEYS}})
        except (OSError, ValueError, KeyError, TypeError) as error:
            reason = f"the key {error} is missing" if isinstance(error, KeyError) else error
            if problems is not None:
                problems.append(f"left out: {path}: not a comparison of `python -m baselines ab` ({reason}); delete it, or run ab again")
    return sorted(found, key=lambda each: str(each["when"]))
