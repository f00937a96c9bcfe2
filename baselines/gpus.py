"""NVIDIA's GPUs as their driver sees them, by nvidia-smi: driver, memory, and which programs use them.

A GPU is named by its bus id. Its number would not do: CUDA and nvidia-smi count in different orders, and CUDA counts only the GPUs
that CUDA_VISIBLE_DEVICES names.
"""

import os
import subprocess
from typing import NamedTuple

BUSY, FULL = 0.1, 0.25  # shares of time and of memory that an unused GPU stays under, with a screen connected


class Use(NamedTuple):
    """Who uses a GPU at a moment."""

    processes: frozenset[int]  # ids of those that compute on it; in a container the host's, or none at all
    busy: bool  # whether it computes, or much of its memory is taken


def about(bus):
    """{'memory', 'driver'} of the GPU with that bus id, each a text, or None where nvidia-smi does not tell."""
    rows = _ask("--query-gpu=memory.total,driver_version", *(["-i", bus] if bus else []))
    if bus is None:  # of several GPUs it is not known which one it is, but they have the same driver
        return {"memory": rows[0][0] if len(rows) == 1 else None, "driver": rows[0][1] if rows else None}
    return dict(zip(("memory", "driver"), rows[0] if rows else (None, None), strict=True))


def uses():
    """Bus id -> Use, of every GPU; empty where nvidia-smi does not tell."""
    processes = {}
    for bus, process in _ask("--query-compute-apps=gpu_bus_id,pid"):
        processes.setdefault(same(bus), set()).add(int(process) if process.isdecimal() else -1)
    return {
        same(bus): Use(frozenset(processes.get(same(bus), ())), _share(busy, 100) > BUSY or _share(used, total) > FULL)
        for bus, busy, used, total in _ask("--query-gpu=pci.bus_id,utilization.gpu,memory.used,memory.total", units=False)
    }


def others(bus, before, later):
    """Number of programs beside this one that used a GPU, or None where nvidia-smi does not tell.

    Args:
        bus: its bus id.
        before: as ``uses`` gave it before this process used a GPU.
        later: list of the same, from when this process used it.
    """
    before, later = before.get(same(bus)), [each[same(bus)] for each in later if same(bus) in each]
    if before is None or not later:
        return None
    unseen = int(before.busy and not before.processes)  # by programs in another container
    counts = [len(each.processes - {os.getpid()}) for each in later]
    # From a container this process has another id: one of the processes is this one.
    counts = [max(0, count - (os.getpid() not in each.processes)) for count, each in zip(counts, later, strict=True)]
    return max(unseen, len(before.processes), *counts)


def same(bus):
    """A bus id in one form: CUDA writes 0000:65:00.0 what nvidia-smi writes 00000000:65:00.0."""
    domain, _, rest = bus.lower().partition(":")
    return f"{int(domain, 16):04x}:{rest}" if rest else bus


def _share(part, whole):
    """One number divided by another, both as text; 0 where one of them is not known."""
    try:
        return float(part) / float(whole)
    except (ValueError, ZeroDivisionError):  # [N/A], as for a part of a GPU
        return 0.0


def _ask(query, *args, units=True):
    """The rows of nvidia-smi's answer, each a list of texts; none where it does not answer."""
    command = ["nvidia-smi", query, f"--format=csv,noheader{'' if units else ',nounits'}", *args]
    try:
        lines = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout.splitlines()
    except (OSError, subprocess.SubprocessError, ValueError):
        return []
    count = query.count(",") + 1
    return [row for line in lines if len(row := [part.strip() for part in line.split(",")]) == count]
