"""python -m zoo [summary NAME | predict FILE IMAGE]: the models and what they cost; what a trained one sees in an image."""

import argparse
import sys

from tabulate import tabulate

import zoo
from zoo.cost import cost
from zoo.quiet import import_keras
from zoo.tally import tally


def main(args=None):
    parser = argparse.ArgumentParser(prog="python -m zoo", description="Without a command: every model and what it costs.")
    commands = parser.add_subparsers(dest="command")
    summary = commands.add_parser("summary", help="the layers of one model")
    summary.add_argument("name")
    summary.add_argument("--input", help="such as 64x64x3 (default: the source's)")
    summary.add_argument("--classes", type=int, help="(default: the source's)")
    predict = commands.add_parser("predict", help="the most probable classes of one image")
    predict.add_argument("file", metavar="MODEL_FILE", help="a trained network, as zoo.saved.save writes it")
    predict.add_argument("image", metavar="IMAGE", help="a file of any size and format that Pillow reads")
    asked = parser.parse_args(args)
    import_keras()
    try:
        if asked.command == "predict":
            print(_predict(asked))
        else:
            print(zoo.weightless(_summary, asked) if asked.command else zoo.weightless(_list))
    except (KeyError, ValueError) as error:
        print(f"zoo: {error.args[0]}", file=sys.stderr)
        return 2
    return 0


def _list():
    rows, uncounted = [], {}
    for name, model in zoo.models().items():
        price = cost(zoo.build(name, model.shape, model.classes))
        macs = price.said(f"{price.macs / 1e6:,.1f}")
        numbers = f"{price.parameters:,}", macs, f"{price.activation_bytes / 1e6:,.1f}"
        rows.append([name, "x".join(map(str, model.shape)), model.classes, *numbers])
        uncounted[name] = price.uncounted
    headers = ["model", "input", "classes", "parameters", "million MACs", "MB of activations"]
    table = tabulate(rows, headers, disable_numparse=True, colalign=("left", *["right"] * 5))
    return f"{table}\n{_named(uncounted)}\nResNets for small images come at any depth: resnet56_v1 (6n + 2 layers), resnet56_v2 (9n + 2)."


def _summary(asked):
    # What can be built and is not listed is a ResNet for small images; build refuses the rest.
    model = zoo.models().get(asked.name, zoo.models()["resnet20_v1"])
    shape, classes = model.shape, model.classes if asked.classes is None else asked.classes
    if asked.input is not None:
        if not all(part.isdecimal() for part in asked.input.split("x")):
            raise ValueError(f"--input {asked.input!r}: write it as 64x64x3, height x width x channels")
        shape = tuple(int(part) for part in asked.input.split("x"))
    network = zoo.build(asked.name, shape, classes)
    seen = tally(network)
    operations = getattr(network, "operations", network.layers)  # an addition, say, has no row, but a product of matrices has
    rows = [_row(layer, *seen.of(layer.name)) for layer in operations if layer in network.layers or seen.of(layer.name) != (0, True)]
    price = cost(network, seen)
    rows.append(["total", "", "", f"{price.parameters:,}", price.said(f"{price.macs:,}")])
    headers = ["layer", "kind", "output", "parameters", "MACs"]
    table = tabulate(rows, headers, disable_numparse=True, colalign=("left", "left", "right", "right", "right"))
    return f"{table}\n{_named({asked.name: price.uncounted})}".rstrip("\n")


def _row(layer, macs, whole):
    import keras

    shapes = ["x".join(map(str, tensor.shape[1:])) for tensor in keras.tree.flatten(layer.output)]
    parameters = layer.count_params() if isinstance(layer, keras.Layer) else 0
    return [layer.name, type(layer).__name__, ", ".join(shapes), f"{parameters:,}", f"{macs:,}" if whole else f"at least {macs:,}"]


def _named(uncounted):
    """Lines that name the layers of each model that cannot be counted."""
    return "".join(f"not counted in {model}: {', '.join(layers)}\n" for model, layers in uncounted.items() if layers)


def _predict(asked):
    from zoo import saved

    rows = [
        [number, folder, name, f"{probability:.6f}"]
        for number, folder, name, probability in saved.predict(*saved.load(asked.file), asked.image)
    ]
    headers = ["number", "folder", "class", "probability"]
    if not any(folder for _, folder, _, _ in rows):  # only the classes of ImageNet have one
        headers, rows = [headers[0], *headers[2:]], [[row[0], *row[2:]] for row in rows]
    return tabulate(rows, headers, disable_numparse=True, colalign=("right", *["left"] * (len(headers) - 2), "right"))


if __name__ == "__main__":
    sys.exit(main())
