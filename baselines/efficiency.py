"""How fast a training's epochs were, from its record: FLOP/s, their share of the machine's measured peak, the host's share of the time."""

import operator
from typing import NamedTuple


class Efficiency(NamedTuple):
    """Of one epoch."""

    flops_per_second: float
    peak_share: float | None  # of the measured rate of matrix products; None where that is not known
    host_share: float | None  # of its seconds, an upper bound; None where an epoch is not one program

    def __str__(self):
        peak = "" if self.peak_share is None else f", {self.peak_share:.1%} of the measured peak"
        lost = "" if self.host_share is None else f", at most {self.host_share:.2%} lost to the host"
        return f"{self.flops_per_second / 1e9:,.4g} GFLOP/s{peak}{lost}"


def epoch_flops(macs, images):
    """Floating-point operations of a training epoch: 6 * macs * images.

    Two a multiply-accumulate, and the backward pass taken as twice the forward, as is the convention:
    one product for the gradient of the weights and one for that of the input.

    Args:
        macs: multiply-accumulates of one image's forward pass, as zoo.cost counts them.
        images: number of images trained on in the epoch.
    """
    return 6 * macs * images


def efficiencies(record):
    """An Efficiency for each timed epoch of a record: a list.

    The host's share counts the seconds in which no program ran, and the launches of programs. It is an upper bound,
    since a device may still have work while the host prepares more. It is None where an epoch is not one program,
    since the time between its steps is not measured.
    """
    peak, latency = record["peak_flops_per_second"], record["launch_seconds"] or 0.0
    found = []
    for images, seconds, host in zip(record["epoch_images"], record["train_seconds"], record["host_seconds"], strict=False):
        reached = epoch_flops(record["macs"], images) / seconds
        lost = min(1.0, (host + record["calls"] * latency) / seconds) if record["loop"] == "one program" else None
        found.append(Efficiency(reached, reached / peak if peak else None, lost))
    return found


def peak_share(record):
    """Share of the machine's measured rate of matrix products that the fastest epoch reached, or None."""
    peak, seconds = record["peak_flops_per_second"], record["train_seconds"]
    if not peak or not seconds:
        return None
    return epoch_flops(record["macs"], max(map(operator.truediv, record["epoch_images"], seconds))) / peak


def fastest(record):
    """The Efficiency of the fastest epoch, or None."""
    return max(efficiencies(record), key=lambda each: each.flops_per_second, default=None)
