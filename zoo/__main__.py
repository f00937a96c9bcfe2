"""python -m zoo [summary NAME | predict FILE IMAGE]: list the models and their costs, show one model's layers, classify an image."""

import argparse
import sys

from tabulate import tabulate

import zoo
from loaders import user
from zoo import settings
from zoo.cost import cost
from zoo.quiet import import_keras
from zoo.tally import tally


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m zoo", description="Without a command: every model and what it costs.")
    commands = parser.add_subparsers(dest="command")
    summary = commands.add_parser("summary", help="the layers of one model")
    summary.add_argument("name")
    summary.add_argument("--input", help="height x width x channels, such as 64x64x3 (default: as in the model's source)")
    summary.add_argument("--classes", type=int, help="number of classes (default: as in the model's source)")
    predict = commands.add_parser("predict", help="the most probable classes of one image")
    predict.add_argument("file", metavar="MODEL_FILE", type=user.path, help="a trained network, as zoo.saved.save writes it")
    predict.add_argument("image", metavar="IMAGE", type=user.path, help="a file of any size and format that Pillow reads")
    user.print_any_text()
    args = parser.parse_args(argv)
    try:
        settings.check_platform()
        settings.check()
        import_keras()
        if args.command == "predict":
            print(_predict(args))
        else:
            print(zoo.weightless(_summary, args) if args.command else zoo.weightless(_list))
    except (KeyError, ValueError) as error:
        print(f"zoo: {error.args[0]}", file=sys.stderr)
        return 2
    return 0


def _list():
    rows, uncounted = [], {}
    for name, model in zoo.models().items():
        costs = cost(zoo.build(name, model.shape, model.classes))
        macs = costs.said(f"{costs.macs / 1e6:,.1f}")
        numbers = f"{costs.parameters:,}", macs, f"{costs.activation_bytes / 1e6:,.1f}"
        rows.append([name, "x".join(map(str, model.shape)), model.classes, *numbers])
        uncounted[name] = costs.uncounted
    headers = ["model", "input", "classes", "parameters", "million MACs", "MB of activations"]
    table = tabulate(rows, headers, disable_numparse=True, colalign=("left", *["right"] * 5))
    lines = _uncounted_lines(uncounted)
    return f"{table}\n{lines}\nResNets for small images come at any depth: resnet56_v1 (6n + 2 layers), resnet56_v2 (9n + 2)."


def _summary(args):
    # A name that is not listed may be a ResNet for small images of another depth; build refuses any other.
    model = zoo.models().get(args.name, zoo.models()["resnet20_v1"])
    shape, classes = model.shape, model.classes if args.classes is None else args.classes
    if args.input is not None:
        if not all(part.isdecimal() for part in args.input.split("x")):
            raise ValueError(f"--input {args.input!r}: write it as 64x64x3, height x width x channels")
        shape = tuple(int(part) for part in args.input.split("x"))
    network = zoo.build(args.name, shape, classes)
    counts = tally(network)
    operations = getattr(network, "operations", network.layers)  # a row for each layer, and for other operations that cost something
    rows = [_row(layer, *counts.of(layer.name)) for layer in operations if layer in network.layers or counts.of(layer.name) != (0, True)]
    costs = cost(network, counts)
    rows.append(["total", "", "", f"{costs.parameters:,}", costs.said(f"{costs.macs:,}")])
    headers = ["layer", "kind", "output", "parameters", "MACs"]
    table = tabulate(rows, headers, disable_numparse=True, colalign=("left", "left", "right", "right", "right"))
    return f"{table}\n{_uncounted_lines({args.name: costs.uncounted})}".rstrip("\n")


def _row(layer, macs, complete):
    import keras

    shapes = ["x".join(map(str, tensor.shape[1:])) for tensor in keras.tree.flatten(layer.output)]
    parameters = layer.count_params() if isinstance(layer, keras.Layer) else 0
    return [layer.name, type(layer).__name__, ", ".join(shapes), f"{parameters:,}", f"{macs:,}" if complete else f"at least {macs:,}"]


def _uncounted_lines(uncounted):
    """A line for each model with layers that cannot be counted; it names them."""
    return "".join(f"not counted in {model}: {', '.join(layers)}\n" for model, layers in uncounted.items() if layers)


def _predict(args):
    from zoo import saved

    rows = [
        [number, folder, name, f"{probability:.6f}"]
        for number, folder, name, probability in saved.predict(*saved.load(args.file), args.image)
    ]
    headers = ["number", "folder", "class", "probability"]
    if not any(folder for _, folder, _, _ in rows):  # only the classes of ImageNet have one
        headers, rows = [headers[0], *headers[2:]], [[row[0], *row[2:]] for row in rows]
    return tabulate(rows, headers, disable_numparse=True, colalign=("right", *["left"] * (len(headers) - 2), "right"))


if __name__ == "__main__":
    sys.exit(main())
