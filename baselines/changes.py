"""What changed between two records beside their results: code, recipe, libraries, settings, machine, and costs that are not judged."""

from baselines.record import versions

UNKNOWN = ("threads", "instructions")  # fields that old records lack, and that belong to the machine


def differences(record, former):
    """What differs between two records beside their results: a list of texts, former -> now."""
    old, new = _conditions(former), _conditions(record)
    unknown = {name for name in old.keys() ^ new.keys() if name.endswith(" code")}
    unknown |= {name for name in UNKNOWN if old[name] is None or record["machine"] != former["machine"]}
    if None in (record["environment"], former["environment"]):
        unknown |= {*(record["environment"] or {}), *(former["environment"] or {})}
    names = [name for name in {**old, **new} if name not in unknown and old.get(name) != new.get(name)]
    return [f"{name} {old.get(name)} -> {new.get(name)}" for name in names] + _costs(record, former)


def _costs(record, former):
    """The costs that are not judged, where they are twice as high, or half."""
    found = []
    for name, unit, of in (
        ("compilation", "s", lambda each: each["compile_seconds"]),
        ("host memory", "MB", lambda each: each["peak_memory"]["host"] and each["peak_memory"]["host"] / 1e6),
    ):
        old, new = of(former), of(record)
        if old and new and record["machine"] == former["machine"] and not 0.5 < new / old < 2:
            found.append(f"{name} {old:.3g} -> {new:.3g} {unit}")
    return found


def _conditions(record):
    return {
        **{f"{part} code": code for part, code in record["code"].items()},
        **{f"recipe's {key}": value for key, value in record["recipe"].items()},
        "parameters": record["parameters"]["total"],
        **versions(record),
        **(record["environment"] or {}),
        **{key: record[key] for key in ("python", "tf32", "instructions", "threads", "loop", "calls")},
    }
