"""Repositories for tests of `ab`, and stand-ins for its trainings: these read how fast and how good they are from the side's own copy of a project's file."""

import hashlib
import io
import json
import subprocess
from pathlib import Path

from baselines import child
from tests.self.baselines import fake_training
from zoo import project

CELL, OTHER = fake_training.DIGITS[:2]


class Ended:
    """A process that has printed its events and ended."""

    def __init__(self, events, code):
        self.stdout, self.returncode = io.StringIO("".join(json.dumps(each) + "\n" for each in events)), code

    def wait(self, timeout=None):
        return self.returncode

    poll = wait


class Children:
    """In place of child.start: the runs that were asked for, and what they answer."""

    def __init__(self):
        self.runs = []  # (side, arguments)
        self.more = {}  # values of the records of both sides
        self.noise = lambda number: 1 + 0.001 * (number % 7)
        self.answers = {}  # number of a run, from 1 -> (events, stderr, exit code)

    def start(self, args, stderr, place=child.HERE):
        own = Path(place.variables[project.VARIABLE])
        side = own.name
        self.runs.append((side, args))
        given = {"seconds": 0.1, "accuracies": [0.9] * 9, **json.loads((own / "side.json").read_text())}
        seed, number = int(args[args.index("--seed") + 1]), len(self.runs)
        seconds = [given["seconds"] * self.noise(number)] * 3
        more = {"code": {"training": side}, **self.more, **given.get("more", {})}
        made = fake_training.record(CELL, seed, given["accuracies"][seed], seconds, **more)
        answer = self.answers.get(number) or given.get("answer") or ([{"event": "epoch"}, {"event": "record", "record": made}], "", 0)
        events, text, code = answer
        stderr.write(text)
        return Ended(events, code)


def stored(ab):
    """The one comparison that is stored."""
    (found,) = every(ab)
    return found


def every(ab):
    """All comparisons that are stored, oldest first."""
    return [json.loads(path.read_text()) for path in sorted(ab.storage.glob("*/ab/*.json"))]


def git(folder, *args):
    settings = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    return subprocess.run(["git", "-C", str(folder), *settings, *args], check=True, capture_output=True, text=True).stdout.strip()


def contents(folder):
    """Path -> digest of every file below a folder, with its time of change."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns) for path in paths}
