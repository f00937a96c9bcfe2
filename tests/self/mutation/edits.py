"""Faults in the suite's own text: those of ``faults.toml``, and random edits of one token drawn from a seed."""

import ast
import functools
import io
import random
import tokenize
import tomllib
import warnings
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[3]
TABLE = Path(__file__).with_name("faults.toml")
OPERATORS = (
    ("+", "-", "*", "/", "//", "**", "%"),
    ("<", "<=", ">", ">=", "==", "!="),
    ("+=", "-=", "*=", "/="),
)
OPPOSITES = {"True": "False", "False": "True", "and": "or", "or": "and", "not": "", "None": "0", "in": "not in"}


class Fault(NamedTuple):
    file: str  # from the root, with slashes
    start: int  # index of the first character that is replaced
    find: str
    replace: str
    why: str

    def text(self):
        """The file's text with the fault in it."""
        sound = source(self.file)
        return sound[: self.start] + self.replace + sound[self.start + len(self.find) :]

    def line(self):
        """(number, text) of its line, with the fault in it."""
        number = self.text().count("\n", 0, self.start)
        return number + 1, self.text().splitlines()[number].strip()


@functools.cache
def source(file):
    """Text of a file when it was first read."""
    return (ROOT / file).read_text(encoding="utf-8")


def planted():
    """The faults of the table.

    Raises:
        ValueError: a text to find is not in its file exactly once.
    """
    faults = []
    for row in tomllib.loads(TABLE.read_text(encoding="utf-8"))["fault"]:
        text = source(row["file"])
        if text.count(row["find"]) != 1:
            raise ValueError(
                f"{TABLE.name}: {row['find']!r} is {text.count(row['find'])} times in {row['file']}; make it a text that is there exactly once"
            )
        faults.append(Fault(row["file"], text.index(row["find"]), row["find"], row["replace"], row["why"]))
    return faults


def explained():
    """Survivors that nothing can catch: (file, edited line) -> why."""
    rows = tomllib.loads(TABLE.read_text(encoding="utf-8")).get("equivalent", [])
    return {(row["file"], row["line"]): row["why"] for row in rows}


def edits(number, seed, files):
    """A number of random edits of one token each, after which the file still compiles: a list of Fault.

    Numbers change by one or by a factor of two, operators and words to others of their kind, names and
    texts to others of the same file. Comments, docstrings and imports stay as they are.
    """
    draw = random.Random(seed)
    choices = [(file, token) for file in files for token in _tokens(file)]
    found = []
    while len(found) < number:
        file, (start, text, kind) = draw.choice(choices)
        others = sorted({other for _, other, other_kind in _tokens(file) if other_kind == kind})
        new = draw.choice(_alternatives(text, kind, others))
        fault = Fault(file, start, text, new, "random edit")
        if new != text and fault not in found and _compiles(fault.text()):
            found.append(fault)
    return found


@functools.cache
def _tokens(file):
    """The tokens of a file that may be edited, in order: (index of the first character, text, kind)."""
    sound, starts = source(file), [0]
    for line in sound.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    silent = set()
    for node in ast.walk(ast.parse(sound)):
        if isinstance(node, (ast.Import, ast.ImportFrom)) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            silent.update(range(node.lineno, node.end_lineno + 1))
    found = []
    for token in tokenize.generate_tokens(io.StringIO(sound).readline):
        text, (row, column) = token.string, token.start
        kind = {tokenize.NUMBER: "number", tokenize.STRING: "text", tokenize.NAME: "name"}.get(token.type)
        if text in OPPOSITES:
            kind = "word"
        elif text in {
            "if",
            "else",
            "for",
            "def",
            "return",
            "lambda",
            "is",
            "with",
            "as",
            "yield",
            "from",
            "raise",
            "try",
            "except",
            "while",
        }:
            kind = None
        elif token.type == tokenize.OP:
            kind = next((f"operator {same[0]}" for same in OPERATORS if text in same), None)
        if kind and row not in silent:
            found.append((starts[row - 1] + column, text, kind))
    return found


def _alternatives(text, kind, others):
    if kind == "number":
        value = ast.literal_eval(text)
        return [repr(new) for new in (value + 1, value - 1, value * 2, value / 2 if isinstance(value, float) else value // 2)]
    if kind == "word":
        return [OPPOSITES[text]]
    if kind.startswith("operator"):
        return [other for same in OPERATORS if text in same for other in same]
    return others


def _compiles(text):
    with warnings.catch_warnings(action="ignore"):  # such as of "is" with a literal, which does compile
        try:
            compile(text, "edited", "exec")
        except SyntaxError:
            return False
    return True
