"""Which records of a machine were made on one occasion: those within some hours of each other."""

import datetime

HOURS = datetime.timedelta(hours=6)


def count(dates):
    """Number of occasions, at least one, given dates in ISO 8601."""
    return max(len(split([(date, date) for date in dates])), 1)


def split(dated):
    """The values of each occasion, given a list of (date in ISO 8601, value): a list of lists."""
    groups, last = [], None
    for date, value in sorted(((datetime.datetime.fromisoformat(date), value) for date, value in dated), key=lambda pair: pair[0]):
        if last is None or date - last > HOURS:
            groups.append([])
        groups[-1].append(value)
        last = date
    return groups
