"""python -m loaders: list the data sets; ``get NAME...`` downloads some, ``show`` draws images of each class."""

import argparse
import math
import sys
import time

import numpy as np

import loaders
from loaders import atomic, files, own, user

ROWS = 50  # classes below each other
EVERY = 60  # seconds between lines of progress where stderr is not a terminal
REWRITTEN = 0.1  # seconds between updates where it is one


def overview(root):
    """(table of the data sets, lines on what is missing or damaged, whether anything is damaged)."""
    from tabulate import tabulate

    rows, notes, missing, damaged = [], [], [], False
    for name in loaders.names():
        try:
            data = loaders.load(name, root, download=False)
        except loaders.DataMissing as error:
            rows.append([name, "missing"])
            notes.append(f"{name}: {error}")
            missing.append(name)
        except loaders.DataError as error:
            rows.append([name, "DAMAGED"])
            notes.append(f"{name}: {error}")
            damaged = True
        else:
            rows.append([name, data.kind, *sizes(name, data), len(data.classes), data.fingerprint, where(name, root)])
    if missing:
        notes.append(f"to download what is missing: {files.get_command(' '.join(missing), root)}")
    headers = ["data set", "is", "training", "test", "classes", "fingerprint", "where"]
    return tabulate(rows, headers, disable_numparse=True), notes, damaged


def sizes(name, data):
    """Numbers of training and test images as texts; of a sample with the published number: '6 of 60000'."""
    source = getattr(loaders.module(name), "SOURCES", {}).get(name)
    counts = len(data.y_train), len(data.y_test)
    return [
        f"{count} of {most}" if count < most else str(count)
        for count, most in zip(counts, source.counts if source else counts, strict=True)
    ]


def where(name, root):
    """The folders that a data set's files are in, as text."""
    return ", ".join(sorted({str(path.parent) for _, path in loaders.find(name, root)})) or "needs no file"


def get(names, root):
    """Download what is missing of data sets, verify it and print what it is; return whether all of them are there now.

    Raises:
        KeyError: a name is unknown; nothing has been downloaded.
    """
    for name in names:
        loaders.module(name)
    complete = True
    for name in names:
        try:
            data = loaders.load(name, root, download=_progress(sys.stderr))
        except loaders.DataError as error:
            print(f"{name}: {error}", file=sys.stderr)
            complete = False
        else:
            train, test = sizes(name, data)
            print(f"{name}: {data.kind}, {train} training and {test} test images, {where(name, root)}", flush=True)
    return complete


def _progress(stream):
    """A function of (file name, bytes so far, bytes in all or None) that shows them: on a terminal in one line, else once a minute."""
    terminal = stream.isatty()
    shown = 0 if terminal else time.monotonic()

    def show(name, count, total):
        nonlocal shown
        last = terminal and count == total
        if not last and time.monotonic() - shown < (REWRITTEN if terminal else EVERY):
            return
        shown = time.monotonic()
        text = f"{name}: {count / 1e6:.0f} MB" + (f" of {total / 1e6:.0f} MB" if total else "")
        stream.write(f"{text}\x1b[K\r" + "\n" * last if terminal else f"{text}\n")
        stream.flush()

    return show


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
        for column, index in enumerate(np.flatnonzero(data.y_train == label)[:each]):
            image = data.x_train[index]
            image = image[..., 0] if image.shape[2] == 1 else image[..., :3]
            sheet.paste(Image.fromarray(image), (left + margin + column * (width + 2), top + 1))
    return sheet


def show(name, root, file):
    """Draw the picture of a data set, or of the user's own folder or .npz file, to a file, and print its size."""
    is_own = name not in loaders.names() and user.path(name).exists()
    sheet = picture(loaders.load(own.at(name) if is_own else name, root, download=False))
    with atomic.part(file) as part:
        part.truncate(0)
        sheet.save(part, "PNG")
        atomic.finish(part, file)
    print(f"{file}: {sheet.width}x{sheet.height}")


def _parser():
    common = argparse.ArgumentParser(add_help=False)  # an option before the command or after it
    text = f"data directory (else ${files.VARIABLE}, else {files.DEFAULT})"
    common.add_argument("--data-dir", metavar="DIR", default=argparse.SUPPRESS, help=text)
    parser = argparse.ArgumentParser(prog="python -m loaders", description="List the data sets: what and where they are.", parents=[common])
    commands = parser.add_subparsers(dest="command")
    names = f"a data set: {', '.join(loaders.names())}"
    getter = commands.add_parser("get", help="download what is missing of data sets, and verify it", parents=[common])
    getter.add_argument("names", nargs="+", metavar="NAME", help=names)
    shower = commands.add_parser("show", help="draw some images of each class", parents=[common])
    shower.add_argument("name", metavar="NAME", help=f"{names}; or a folder or .npz file of your own images")
    shower.add_argument("file", metavar="FILE.png", type=user.path, help="where to draw them")
    return parser


def main(argv=None):
    """The exit code: 0, 1 where data is damaged or cannot be fetched, 2 for wrong arguments."""
    user.print_any_text()
    parser = _parser()
    args = parser.parse_args(argv)
    if sys.platform == "win32":  # which cannot lock files as this package does
        parser.error("zoobench runs on Linux and macOS, and on Windows in WSL (wsl --install)")
    try:
        root = loaders.root_folder(getattr(args, "data_dir", None))
        if args.command == "get":
            return int(not get(args.names, root))
        if args.command == "show":
            if args.file.suffix != ".png" or not args.file.parent.is_dir():
                parser.error(f"{args.file}: name a .png file in a folder that exists")
            show(args.name, root, args.file)
            return 0
        table, notes, damaged = overview(root or files.cache_folder())
        print("\n\n".join([table, *notes]))
        return int(damaged)
    except (loaders.DataError, KeyError, OSError, user.PathError) as error:
        print(error.args[0] if isinstance(error, KeyError) else error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
