"""The processor: what the machine's folder is named after where the CPU computes."""

import functools
import platform
import subprocess
from pathlib import Path

from zoo.training import cgroup

INSTRUCTIONS = {  # flag of /proc/cpuinfo -> instruction set that computes matrix products, the strongest first
    "amx_bf16": "amx",
    "avx512_bf16": "avx512bf16",
    "avx512f": "avx512",
    "avx2": "avx2",
    "bf16": "bf16",  # this and the next are ARM's
    "sve": "sve",
}


@functools.cache
def processor():
    """{'model', 'family', 'cores', 'instructions', 'memory'} of the processor: str, str, int or float, str or None, and bytes.

    Cores and memory are those that this process may use: a quota of half a processor's time is 0.5 cores.
    """
    fields, parts = {}, set()
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:  # not Linux
        text = ""
    for line in text.splitlines():
        key, value = (part.strip() for part in f"{line}:".split(":")[:2])
        fields.setdefault(key, value)
        if key == "CPU part":  # ARM's; fast and slow cores differ
            parts.add(value)
    if parts:
        family = f"{fields.get('CPU implementer', '?')}.{'+'.join(sorted(parts))}"
    else:
        family = f"{fields['cpu family']}.{fields.get('model', '?')}" if "cpu family" in fields else ""
    flags = fields.get("flags", fields.get("Features", "")).split()
    return {
        "model": fields.get("model name") or _brand() or platform.machine(),
        "family": family,
        "cores": cgroup.processors(),
        "instructions": next((name for flag, name in INSTRUCTIONS.items() if flag in flags), None),
        "memory": cgroup.memory(),
    }


def _brand():
    """The processor's name as macOS gives it, such as Apple M1 Pro; None on other systems."""
    if platform.system() != "Darwin":
        return None
    try:
        asked = ["sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(asked, capture_output=True, text=True, timeout=30, check=True).stdout.strip() or None
    except (OSError, subprocess.SubprocessError):
        return None
