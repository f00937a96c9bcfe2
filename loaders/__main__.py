"""python -m loaders: what data is where, and what it is; ``show NAME FILE.png`` draws some of each class."""

import argparse
import math
import sys
from pathlib import Path

import numpy as np

import loaders
from loaders import files

ROWS = 50  # classes below each other


def overview(root):
    """(table of the data sets, lines on what is missing or damaged, whether anything is damaged)."""
    from tabulate import tabulate

    rows, notes, damaged = [], [], False
    for name in loaders.names():
        try:
            data = loaders.load(name, root, download=False)
        except loaders.DataError as error:
            absent = isinstance(error, loaders.DataMissing)
            damaged |= not absent
            rows.append([name, "missing" if absent else "DAMAGED"])
            notes.append(f"{name}: {error}")
            continue
        source = getattr(loaders.module(name), "SOURCES", {}).get(name)
        where = sorted({str(files.locate(file, root).parent) for file in source.files}) if source else ["needs no file"]
        sizes = [_of(len(labels), most) for labels, most in zip(data[1:4:2], source.counts if source else (0, 0), strict=True)]
        rows.append([name, data.kind, *sizes, len(data.classes), data.fingerprint, ", ".join(where)])
    headers = ["data set", "is", "training", "test", "classes", "fingerprint", "where"]
    return tabulate(rows, headers, disable_numparse=True), notes, damaged


def _of(count, most):
    return f"{count} of {most}" if count < most else str(count)


def picture(data):
    """Some images of each class beside its name: a PIL.Image."""
    from PIL import Image, ImageDraw

    classes, (height, width) = len(data.classes), data.x_train.shape[1:3]
    each = 10 if classes <= ROWS else 4
    texts = [f"{label} {name}"[:26] if name != str(label) else name for label, name in enumerate(data.classes)]
    margin, high = 8 + 6 * max(map(len, texts)), max(height, 14) + 2
    across = margin + each * (width + 2)
    sheet = Image.new("RGB", (across * math.ceil(classes / ROWS), high * min(classes, ROWS)), "white")
    draw = ImageDraw.Draw(sheet)
    for label, text in enumerate(texts):
        left, top = label // ROWS * across, label % ROWS * high
        draw.text((left + 4, top + 2), text, fill="black")
        for place, index in enumerate(np.flatnonzero(data.y_train == label)[:each]):
            image = data.x_train[index]
            image = image[..., 0] if image.shape[2] == 1 else image[..., :3]
            sheet.paste(Image.fromarray(image), (left + margin + place * (width + 2), top + 1))
    return sheet


def main(words=None):
    parser = argparse.ArgumentParser(prog="python -m loaders", description="What data is where, and what it is.")
    parser.add_argument("--data-dir", metavar="DIR", help=f"data directory (else ${files.VARIABLE}, else {files.DEFAULT})")
    commands = parser.add_subparsers(dest="command")
    show = commands.add_parser("show", help="draw some images of each class")
    show.add_argument("name", help=f"a data set: {', '.join(loaders.names())}")
    show.add_argument("file", type=Path, help="where to: a .png")
    asked = parser.parse_args(words)
    try:
        root = loaders.root_folder(asked.data_dir)
        if asked.command != "show":
            table, notes, damaged = overview(root)
            print("\n\n".join([table, *notes]))
            return int(damaged)
        if asked.file.suffix != ".png" or not asked.file.parent.is_dir():
            parser.error(f"{asked.file}: not a .png in a folder that exists")
        sheet = picture(loaders.load(asked.name, root, download=False))
        with files.part(asked.file) as part:
            part.truncate(0)
            sheet.save(part, "PNG")
            files.finish(part, asked.file)
    except (loaders.DataError, KeyError, OSError) as error:
        print(error.args[0] if isinstance(error, KeyError) else error, file=sys.stderr)
        return 1
    print(f"{asked.file}: {sheet.width}x{sheet.height}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
