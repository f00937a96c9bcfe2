"""What `python -m baselines compare` shows: `comparison` makes it from stored records, the other files print it."""

from baselines.report.make import comparison

__all__ = ["comparison"]
