"""Records that older versions of the suite stored, in the fields of today's version. Their files stay as they are."""

from baselines import record


def current(stored):
    """A record as it was stored, in the fields of today's version: those that version 1 lacks are None."""
    if not isinstance(stored, dict) or stored.get("version") != 1:
        return stored  # nothing to do, or ``record.check`` says what is wrong
    load = stored.get("load")
    load = {**load, "gpu_others": None} if isinstance(load, dict) else load
    return {**stored, "version": record.VERSION, "environment": None, "load": load}


def upgraded(entry, machine_info, machine, when):
    """The record of an entry that was stored before records had a version: the entry's extra_info and what its file says.

    Args:
        entry: extra_info of a pytest-benchmark entry, version 0.
        machine_info: the file's.
        machine: name of the machine's folder.
        when: the file's datetime.

    Raises:
        KeyError, TypeError: a key is missing, or something is not a table.
    """
    best = max(entry.get("efficiency", []), key=lambda epoch: epoch["flops_per_second"], default=None)
    share = best and best["peak_share"]
    made = {
        "version": 1,
        "id": record.digest([entry, machine_info]),
        "when": when,
        "machine": machine,
        "backend": machine_info["backend"],
        "instructions": machine_info["processor"].get("instructions"),
        "threads": None,
        "tf32": machine_info["tf32"],
        "python": machine_info["python"],
        "versions": machine_info["versions"],
        "trials": None,
        "peak_flops_per_second": best["flops_per_second"] / share if share else None,
        "launch_seconds": None,
        **{key: value for key, value in entry.items() if key != "efficiency"},
        "recipe": {key: value for key, value in entry["recipe"].items() if key != "note"},
        "data": {"files": None, **entry["data"]},
    }
    return current(made if made["train_seconds"] else record.without_times(made))
