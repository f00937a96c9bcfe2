"""The operations of a network, in an order that depends on the computation alone; models inside models are expanded.

Read from what Keras recorded when the layers were called, so no model is built anew.
"""

import hashlib
import inspect
import re
from typing import NamedTuple

UNORDERED = ("Add", "Multiply", "Average", "Maximum", "Minimum")


class Step(NamedTuple):
    """One call of a layer or operation.

    Attributes:
        name: the layer's, after the names of the models around it: outer/inner; that of a second call ends in #2.
        layer: the keras.Layer or keras.Operation.
        config: as keras.saving serialises it: class_name, module, config.
        args: positional arguments, serialised, with "_" for each tensor.
        kwargs: keyword arguments, likewise.
        reads: list of (name of a step, index of its output), in the order of the arguments.
    """

    name: str
    layer: object
    config: dict
    args: list
    kwargs: dict
    reads: list

    @property
    def own(self):
        """Whether the class is a custom one, and not one of Keras."""
        return is_own(self.config)

    @property
    def unordered(self):
        return self.config["class_name"] in UNORDERED and not self.own


def is_own(config):
    return (config.get("module") or "").partition(".")[0] != "keras"


def ordered(model):
    """The operations of a model, each after those that it reads, the one farther from the input first.

    Returns:
        list of (name, its config as keras.saving serialises it, names that it reads).

    Raises:
        NotImplementedError: see ``zoo.graph.graph``.
    """
    return [(step.name, step.config, [name for name, _ in step.reads]) for step in steps(model)[0]]


def layers(model):
    """The layer or operation behind each name that ``ordered`` gives: a dict."""
    return {step.name: step.layer for step in steps(model)[0]}


def steps(model):
    """The Steps of a model in the order of ``ordered``, and for each of its outputs (name of the step, index of the step's output)."""
    if not getattr(model, "outputs", None):
        raise NotImplementedError(
            f"{model.name} cannot be written as text: Keras does not know the order of its layers; build it as keras.Model(inputs, outputs)"
        )
    found, inputs = {}, []
    for tensor in model.inputs:
        layer = tensor._keras_history.operation
        found[layer.name] = Step(layer.name, layer, _serialised(layer), [], {}, [])
        inputs.append((layer.name, 0))
    outputs = _expand(model, inputs, "", found)
    return _sorted(found, outputs), outputs


def _expand(model, inputs, prefix, found):
    """Add the Steps of one call of a model to those found, and return what its outputs are.

    Args:
        inputs: what the model reads in this call, a list of (name of a step, index).
        prefix: names of the models around it.
        found: dict of name -> Step, which grows.
    """
    known = {id(tensor): read for tensor, read in zip(model.inputs, inputs, strict=True)}
    waiting = [*model.outputs]
    while waiting:
        tensor = waiting[-1]
        node = tensor._keras_history.operation._inbound_nodes[tensor._keras_history.node_index]
        missing = [each for each in node.input_tensors if id(each) not in known]
        if id(tensor) in known:
            waiting.pop()
        elif missing:
            waiting += missing
        else:
            for output, read in zip(node.outputs, _call(node, known, prefix, found), strict=False):
                known[id(output)] = read
    return [known[id(tensor)] for tensor in model.outputs]


def _call(node, known, prefix, found):
    """Add one call of a layer, or the Steps of a model that is called; returns the (name, index) of each output."""
    import keras

    layer, args, kwargs = node.operation, *_arguments(node)
    name, uses = prefix + layer.name, 1
    while name in found or any(each.startswith(f"{name}/") for each in found):
        uses += 1
        name = f"{prefix}{layer.name}#{uses}"
    if isinstance(layer, keras.Model) and getattr(layer, "outputs", None):
        if args and isinstance(args[0], dict) and not isinstance(layer.input, dict):
            args = [args[0][tensor.name] for tensor in layer.inputs]
        reads = [known[id(tensor)] for tensor in _tensors([args, kwargs])]
        return _expand(layer, reads[: len(layer.inputs)], f"{name}/", found)
    reads = [known[id(tensor)] for tensor in _tensors([args, kwargs])]
    found[name] = Step(name, layer, _serialised(layer), _plain(args), _plain(kwargs), reads)
    return [(name, index) for index in range(len(node.outputs))]


def _arguments(node):
    """Arguments of a call, tensors by position even where the caller named them; without mask and training."""
    args = list(node.arguments.args)
    kwargs = {key: value for key, value in node.arguments.kwargs.items() if value is not None and key not in ("mask", "training")}
    for parameter in [*inspect.signature(node.operation.call).parameters][len(args) :]:
        if parameter not in kwargs or not _tensors(kwargs[parameter]):
            break
        args.append(kwargs.pop(parameter))
    return args, kwargs


def _tensors(value):
    """The tensors in a structure of arguments, in a fixed order."""
    import keras

    if isinstance(value, dict):
        value = [value[key] for key in sorted(value)]
    if isinstance(value, (list, tuple)):
        return [tensor for each in value for tensor in _tensors(each)]
    return [value] if isinstance(value, keras.KerasTensor) else []


def _plain(value):
    """A structure of arguments, serialised, with "_" for a tensor and for a list of tensors alone."""
    import keras

    if isinstance(value, keras.KerasTensor):
        return "_"
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, tuple) or (isinstance(value, list) and _tensors(value)):
        return "_" if _tensors(value) and {*map(str, map(_plain, value))} == {"_"} else [_plain(each) for each in value]
    return [_plain(each) for each in value] if isinstance(value, list) else keras.saving.serialize_keras_object(value)


def _serialised(layer):
    import keras

    advice = "make it a layer of keras, operations of keras.ops, or a keras.Layer with get_config"
    if isinstance(layer, keras.layers.Lambda):
        raise NotImplementedError(f"{layer.name} cannot be written as text: it holds a Python function; {advice}")
    try:
        config = keras.saving.serialize_keras_object(layer)
    except Exception as error:
        raise NotImplementedError(f"{layer.name} cannot be written as text: Keras cannot serialise it; {advice}") from error
    if any(f"'class_name': '{kind}'" in str(config["config"]) for kind in ("function", "__lambda__", "Lambda")):
        raise NotImplementedError(f"{layer.name} cannot be written as text: it holds a Python function; {advice}")
    return config


def _sorted(found, outputs):
    """The Steps that outputs need, in an order that depends neither on names nor on the order of the calls."""
    ranks, order = {}, {}
    for name, step in found.items():  # parents come before children
        ranks[name] = _rank(step, ranks)
    for output, _ in outputs:
        waiting = [output]
        while waiting:
            step = found[waiting[-1]]
            reads = [name for name, _ in step.reads]
            if step.unordered:
                reads.sort(key=ranks.get)
            missing = [name for name in reads if name not in order]
            if missing:
                waiting.append(missing[0])
            else:
                order[waiting.pop()] = None
    return [found[name] for name in order]


def _rank(step, ranks):
    """Sort key of a step: its distance from the input, negative, then a digest of all that it computes."""
    reads = [(*ranks[name], index) for name, index in step.reads]
    text = str((step.config["class_name"], step.config["config"], step.args, step.kwargs, sorted(reads) if step.unordered else reads))
    # The precision, which the input names, too, has no part in the order: weights in float64 are those in float32.
    nameless = re.sub(r"'name': '[^']*'", "", text).replace("'dtype': 'float64'", "'dtype': 'float32'")
    return min((depth for depth, *_ in reads), default=0) - 1, hashlib.sha256(nameless.encode()).hexdigest()
