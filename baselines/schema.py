"""The JSON Schema of a session's file of records, from the table of a record's fields: ``python -m baselines record --schema``."""

from baselines.record import FIELDS, VERSION

TYPES = {str: "string", int: "integer", float: "number", bool: "boolean", dict: "object", list: "array"}
DIGEST = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
WORDS = ("SAME", "PASS", "REGRESSED", "IMPROVED", "SUSPECT", "NO-BASELINE", "INCOMPARABLE", "UNSTABLE")
VERDICT = {
    "type": "object",
    "required": ["word", "line", "details", "more", "carried", "baseline"],
    "properties": {"word": {"enum": list(WORDS)}, "more": {"type": "integer", "minimum": 0}, "z": {"type": ["number", "null"]}},
}


def schema():
    """The schema of a file that --benchmark-save writes: a dict."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Records of one session",
        "type": "object",
        "required": ["machine_info", "commit_info", "benchmarks", "datetime", "complete", "records", "digests", "verdicts"],
        "properties": {
            "machine_info": {"type": "object"},
            "commit_info": {"type": "object"},
            "benchmarks": {"type": "array", "description": "pytest-benchmark's timings"},
            "datetime": {"type": "string"},
            "complete": {"type": "boolean", "description": "whether the session ended"},
            "records": {"type": "array", "items": record()},
            "digests": {
                "type": "object",
                "additionalProperties": DIGEST,
                "description": "a record's id -> sha256 of what the file says of it",
            },
            "verdicts": {
                "type": "object",
                "description": "a record's id -> what its session said",
                "additionalProperties": {
                    "type": "object",
                    "properties": {"accuracy": VERDICT, "seconds": VERDICT},
                    "additionalProperties": False,
                },
            },
        },
    }


def record():
    """The schema of one record: a dict."""
    found = _table()
    for field in FIELDS:
        table, _, key = field.name.rpartition(".")
        into = found["properties"].setdefault(table, _table()) if table else found
        kind = TYPES[field.kind]
        into["properties"][key] = {"description": field.meaning, "type": [kind, "null"] if field.null else kind}
        into["required"].append(key)
    found["required"] = list(found["properties"])
    found["properties"]["version"] |= {"const": VERSION}
    found["properties"]["accuracy"] |= {"minimum": 0, "maximum": 1}
    for name in "train_seconds", "eval_seconds":
        found["properties"][name]["items"] = {"type": "number", "exclusiveMinimum": 0}
    return found


def _table():
    return {"type": "object", "required": [], "properties": {}, "additionalProperties": False}
