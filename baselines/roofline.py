"""This machine's limits, measured and not read from a datasheet: the roofline that the times of epochs are compared with.

baselines.probes measures it once; it is stored in the machine's folder as ``roofline``, and measured again on
request, or if other programs disturbed the measurement.
"""

import datetime
import json
import math

from tabulate import tabulate

from baselines import child, files, machine, probes, record, store

LIMITS = {  # key, which ends in its unit -> (name and unit in the table, that unit in the key's unit)
    "matmul_float32_flops_per_second": ("matrix product, float32", "GFLOP/s", 1e9),
    "matmul_bfloat16_flops_per_second": ("matrix product, bfloat16", "GFLOP/s", 1e9),
    "conv_float32_flops_per_second": ("convolution, float32", "GFLOP/s", 1e9),
    "conv_bfloat16_flops_per_second": ("convolution, bfloat16", "GFLOP/s", 1e9),
    "memory_bytes_per_second": ("memory, read and written", "GB/s", 1e9),
    "host_to_device_bytes_per_second": ("host to device", "GB/s", 1e9),
    "launch_seconds": ("launch of a program", "µs", 1e-6),
}
PEAKS = {  # precision, as Keras names it -> the limit of its matrix products
    "float32": "matmul_float32_flops_per_second",
    "bfloat16": "matmul_bfloat16_flops_per_second",
    "mixed_bfloat16": "matmul_bfloat16_flops_per_second",
}


def limits_of(roofline, precision):
    """What a record says of the machine's limits: {'peak_flops_per_second', 'launch_seconds'}, each float or None.

    Args:
        roofline: as ``load`` returns it, or None.
        precision: float32, bfloat16 or mixed_bfloat16, as Keras names it. The peak is None for any other, and for a
            roofline that other programs disturbed, which is too low.
    """
    if roofline is None:
        return {"peak_flops_per_second": None, "launch_seconds": None}
    peak = None if roofline["shared"] or precision not in PEAKS else roofline[PEAKS[precision]]["best"]
    return {"peak_flops_per_second": peak, "launch_seconds": roofline["launch_seconds"]["best"]}


def current(folder, again=False):
    """A machine's roofline: the stored one, else measured and stored.

    It is measured again if other programs disturbed the stored one, or on request. A disturbed measurement never
    replaces an undisturbed one.

    Args:
        folder: the machine's folder, created if it is missing.
        again: measure even if a good one, or a damaged one, is stored.

    Returns:
        (dict as ``measure`` returns it, whether it is the one that was stored before).

    Raises:
        files.StoreError: the stored one is damaged, or the new one cannot be written.
    """
    try:
        former = load(folder)
    except files.StoreError:
        if not again:
            raise
        former = None
    if former and not former["shared"] and not again:
        return former, True
    new = record.plain(measure())
    if former and new["shared"] and not former["shared"]:
        return former, True
    try:
        folder.mkdir(exist_ok=True)
        files.replace(folder / store.ROOFLINE, json.dumps(new, indent=1, allow_nan=False) + "\n")
    except OSError as error:
        raise files.StoreError(f"{folder / store.ROOFLINE}: cannot be written ({error}); name another folder with --storage") from error
    return new, False


def load(folder):
    """The roofline stored in a machine's folder, or None.

    Raises:
        files.StoreError: it is damaged.
    """
    path = folder / store.ROOFLINE
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        for key in LIMITS:
            for part in ("best", "median", "n"):
                value = found[key][part]
                if isinstance(value, bool) or not (value > 0 and math.isfinite(value)):
                    raise ValueError(f"{key}'s {part} is {value!r:.40}, not a positive finite number")
        if not isinstance(found["when"], str) or not isinstance(found["shared"], bool) or not isinstance(found["load"], dict):
            raise ValueError("when must be a text, shared true or false, and load a table")
        if not isinstance(found["load"]["others"], float | int | None):
            raise ValueError(f"load's others is {found['load']['others']!r:.40}, not a number or null")
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        reason = f"the key {error} is missing" if isinstance(error, KeyError) else error or type(error).__name__
        precision = " --precision mixed_bfloat16" if folder.name.endswith("_mixed_bfloat16") else ""
        again = f"measure it with: python -m baselines roofline --again{precision}"
        raise files.StoreError(f"{path}: not a measured roofline ({reason}); {again}") from error
    return found


def known(folder, precision, measures):
    """The roofline of a machine's folder, or None; with ``measures``, a child process measures it where no sound one is stored.

    Raises:
        child.ChildError: it cannot be measured.
        files.StoreError: the stored one is damaged.
    """
    found = load(folder)
    if measures and (found is None or found["shared"]):
        child.answer("roofline", "--storage", str(folder.parent), "--precision", precision)
        found = load(folder)
    return found


def measure(seconds=1.0):
    """Measure every limit.

    Args:
        seconds: how long each is repeated, three times at least.

    Returns:
        dict of each of LIMITS -> {'best', 'median', 'n'}: of n timings, in the unit that its key ends
        in; when (ISO 8601, UTC), python, versions, tf32, load as machine.others gives it, shared
        (whether other programs kept the machine busy, so that the limits are too low).
    """
    before = machine.others()
    limits = probes.limits(seconds)
    load = machine.others(before)
    return {
        "when": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "python": machine.info()["python"],
        "versions": machine.versions(),
        "tf32": machine.tf32(),
        "load": load,
        "shared": not machine.alone(load),
        **limits,
    }


def table(roofline):
    """The limits as text, in common units."""
    rows = [
        [name, *(f"{roofline[key][part] / scale:,.4g}" for part in ("best", "median")), unit, roofline[key]["n"]]
        for key, (name, unit, scale) in LIMITS.items()
    ]
    return tabulate(
        rows, ["limit", "best", "median", "unit", "n"], disable_numparse=True, colalign=("left", "right", "right", "left", "right")
    )
