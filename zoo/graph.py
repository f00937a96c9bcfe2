"""What a network computes, as text: one line an operation, in an order that only the computation decides.

Two networks with the same text compute the same function of the same weights, as far as the class and config
of somebody's own layers tell. Layers' names, the order in which branches were made, whether layers stand in a
model within the model and whether relu, say, is a layer or a part of one do not show. Blocks that repeat stand once.
"""

import hashlib

from zoo.operations import is_own, ordered, steps

__all__ = ["graph", "ordered"]

USUAL = {  # left out of the text; pinned here, so that a default that Keras changes does show in it
    "strides": "1x1",
    "dilation_rate": "1x1",
    "groups": "1",
    "data_format": "channels_last",
    "bias_initializer": "Zeros",
    "beta_initializer": "Zeros",
    "gamma_initializer": "Ones",
    "moving_mean_initializer": "Zeros",
    "moving_variance_initializer": "Ones",
}
NAMES = ("name", "dtype", "trainable")  # no part of the function, or said otherwise
SILENT = (*NAMES, "seed", "renorm_momentum")  # of Keras's own layers
FUSED = ("Activation", "Conv", "Dense", "DepthwiseConv", "EinsumDense", "SeparableConv")  # begin the kinds that end in their activation
ACTIVATIONS = {"ReLU": ("relu", {"negative_slope": 0.0, "threshold": 0.0}), "Softmax": ("softmax", {"axis": -1})}  # layers that are one
LONGEST = 60  # lines of a block that may stand once for several
FEW = 8  # numbers of a constant that are written out


def graph(model):
    """The text of a keras.Model, built with or without weights.

    Returns:
        str; an operation reads the line above unless ``<-`` names how many lines further up it does,
        counted with every block written out, with the index of the output in brackets unless it is the
        first; ``= layer above n`` says that its weights are those of the layer n lines further up; ``n x`` how
        often the indented block repeats. Several inputs have numbers, and several outputs lines of their own.

    Raises:
        NotImplementedError: a layer holds a function of somebody's own (a Lambda, say) or cannot be
            serialised, or the model has no inputs and outputs that Keras knows; the message names it.
    """
    lines, written, used = [], {}, {}
    found, outputs = steps(model)

    def above(reads):
        return [(len(lines) - written[name][0], index or written[name][1]) for name, index in reads]

    for step in found:
        sources = sorted(above(step.reads)) if step.unordered else above(step.reads)
        words = _words(step.config, step)
        if step.config["class_name"] == "InputLayer" and len(model.inputs) > 1:
            words[0] += f" number={[tensor._keras_history.operation for tensor in model.inputs].index(step.layer) + 1}"
        if words and getattr(step.layer, "weights", ()):
            if id(step.layer) in used:
                words[0] += f" = layer above {len(lines) - used[id(step.layer)]}"
            used[id(step.layer)] = len(lines)
        if words and sources not in ([], [(1, 0)]):
            words[0] += " <- " + ", ".join(map(_source, sources))
        written[step.name] = (len(lines) + len(words) - 1, 0) if words else (len(lines) - sources[0][0], sources[0][1])
        lines += words
    return "\n".join([*_folded(lines), *_outputs(model, above(outputs))])


def _source(source):
    lines, index = source
    return f"{lines}[{index}]" if index else str(lines)


def _outputs(model, sources):
    """A line for each output, unless there is one and it is the last line's."""
    if sources == [(1, 0)]:
        return []
    named = model.output if isinstance(model.output, dict) and len(model.output) == len(sources) else range(1, len(sources) + 1)
    return [f"output {name} <- {_source(source)}" for name, source in zip(sorted(named), sources, strict=True)]


def _words(layer, step=None):
    """The lines of one operation: itself, if it does anything, and the activation within it.

    Args:
        layer: as keras.saving serialises it.
        step: the zoo.operations.Step that calls it; None of a layer within another, such as a wrapper.
    """
    kind, config = layer["class_name"], layer["config"]
    if kind == "InputLayer":
        whole = [] if "float" in config["dtype"] else [config["dtype"]]
        return [" ".join(["input", _said(config["batch_shape"][1:]), *whole])]
    if kind in ACTIVATIONS and not is_own(layer):
        name, plain = ACTIVATIONS[kind]
        if all(config[key] == plain.get(key) for key in config.keys() - {*SILENT}):
            return [name]
    words = _configured(layer) + (_called_with(step) if step else [])
    line = [] if kind == "Activation" and not is_own(layer) else [" ".join(words)]
    activation = config.get("activation", "linear") if _fused(layer) else "linear"
    if isinstance(activation, dict):  # a layer, which Keras takes for an activation
        return line + _words(activation)
    return line + ([] if activation == "linear" else [activation])


def _fused(layer):
    return layer["class_name"].startswith(FUSED) and not is_own(layer)


def _configured(layer):
    """The words of a layer's class and config; all of the config where the class is somebody's own."""
    import keras

    own, config = is_own(layer), layer["config"]
    words = ["own", layer["class_name"]] if own else [layer["class_name"]]
    if (precision := _precision(config)) != _precision({"dtype": keras.config.dtype_policy().name}):
        words.append(precision)
    silent = NAMES if own else (*SILENT, *(["activation"] if _fused(layer) else []))
    for key, value in sorted(config.items()):
        said = _said(value)
        if key not in silent and (own or (value not in (None, False) and USUAL.get(key) != said)):
            words.append(key if value is True else f"{key}={said}")
    return words


def _precision(config):
    """The precision that a layer computes in, where it has one of its own."""
    import keras

    policy = config.get("dtype")
    name = policy["config"]["name"] if isinstance(policy, dict) else policy
    return name or keras.config.dtype_policy().name


def _said(value):
    if isinstance(value, dict):
        return _said_of(value)
    if isinstance(value, (list, tuple)):
        if any(isinstance(number, float) for number in _leaves(value)):
            return _constant(value)
        words = [_said(each) for each in value]
        return ("," if any(":" in word for word in words) else "x").join(words)
    return str(value)


def _said_of(value):
    """A dict, or what Keras serialises as one: a slice, an array, an initialiser, a layer."""
    kind, config = value.get("class_name"), value.get("config", {})
    if kind is None:
        return f"({', '.join(f'{key}={_said(each)}' for key, each in sorted(value.items(), key=str))})"
    if kind == "__slice__":
        start, stop, step = ("" if config[end] is None else config[end] for end in ("start", "stop", "step"))
        return f"{start}:{stop}:{step}" if step else f"{start}:{stop}"
    if kind == "__ellipsis__":
        return "..."
    if kind in ("__numpy__", "__tensor__"):
        return _constant(config["value"])
    if "trainable" in config:  # a layer
        return f"({', '.join(_words(value))})"
    inside = [f"{key}={_said(each)}" for key, each in config.items() if each is not None]  # an initialiser, say
    return kind + (f"({', '.join(inside)})" if inside else "")


def _leaves(value):
    return [leaf for each in value for leaf in _leaves(each)] if isinstance(value, (list, tuple)) else [value]


def _constant(value):
    """Numbers: the few written out, more as a digest, after their shape unless they are one row."""
    import numpy as np

    array = np.asarray(value, "<f8")
    shape = f"{'x'.join(map(str, array.shape))}:" if array.ndim > 1 else ""
    if array.size <= FEW:
        return shape + ",".join(map(str, array.ravel().tolist()))
    return f"{shape}{array.size} numbers {hashlib.sha256(array.tobytes()).hexdigest()[:12]}"


def _called_with(step):
    """What an operation is called with beside tensors, with ``_`` where those stand."""
    args = [_said(each) for each in step.args]
    named = [f"{key}={_said(each)}" for key, each in sorted(step.kwargs.items())]
    return (args if {*args} - {"_"} else []) + named


def _folded(lines):
    """The lines with each run of equal blocks as ``n x`` and one indented block, the longest saving first."""
    place = 0
    while place < len(lines):
        length, times = max(((length, _times(lines, place, length)) for length in range(1, LONGEST)), key=_saving)
        if times > 1:
            yield f"{times} x"
            yield from (f"  {line}" for line in lines[place : place + length])
            place += length * times
        else:
            yield lines[place]
            place += 1


def _times(lines, place, length):
    """How often the block of that length at that place stands there in a row."""
    block, times = lines[place : place + length], 1
    while block and block == lines[place + times * length : place + (times + 1) * length]:
        times += 1
    return times


def _saving(block):
    length, times = block
    return length * (times - 1), -length
