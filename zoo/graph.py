"""What a network computes, as text: one line an operation, in an order that only the computation decides.

Two networks with the same text compute the same function of the same weights. Layers' names, the order
in which branches were made and whether relu, say, is a layer or a part of one do not show. Blocks that
repeat stand once.
"""

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
SILENT = ("name", "dtype", "trainable", "activation", "seed", "renorm_momentum")  # no part of the function, or said otherwise
ACTIVATIONS = {"ReLU": ("relu", {"negative_slope": 0.0, "threshold": 0.0}), "Softmax": ("softmax", {"axis": -1})}  # layers that are one
UNORDERED = ("Add", "Multiply", "Average", "Maximum", "Minimum")
LONGEST = 60  # lines of a block that may stand once for several


def graph(model):
    """The text of a keras.Model with one output, built with or without weights.

    Returns:
        str; an operation reads the line above unless ``<-`` names how many lines further up it does,
        counted with every block written out; ``n x`` says how often the indented block repeats.

    Raises:
        NotImplementedError: there are several outputs, or a layer is used twice, is a network itself, or
            holds a function of somebody's own.
    """
    lines, written = [], {}
    for name, layer, reads in ordered(model):
        sources = [len(lines) - written[read] for read in reads]
        if layer["class_name"] in UNORDERED:
            sources.sort()
        words = _words(layer)
        if words and sources not in ([], [1]):
            words[0] += " <- " + ", ".join(map(str, sources))
        lines += words
        written[name] = len(lines) - 1 if words else written[reads[0]]
    return "\n".join(_folded(lines))


def ordered(model):
    """The operations of a model, each after those that it reads, the one farther from the input first.

    Returns:
        list of (name, its part of the model's config, names that it reads).
    """
    import keras

    config = keras.Model(model.inputs, model.outputs).get_config()
    known = {layer["name"]: layer for layer in config["layers"]}
    if len(model.outputs) > 1:
        raise NotImplementedError(f"no text for a network with several outputs: {model.name}")
    for name, layer in known.items():
        if layer["class_name"] == "Lambda" or "'class_name': 'function'" in str(layer["config"]):
            raise NotImplementedError(f"no text for a function of one's own: {name}; make it a layer of keras, or operations of keras.ops")
        if len(layer["inbound_nodes"]) > 1 or "layers" in layer["config"]:
            raise NotImplementedError(f"no text for a layer that is used twice, or is a network itself: {name}")
    reads = {name: _read(layer["inbound_nodes"]) for name, layer in known.items()}
    depths, order = {}, {}
    for name in known:  # parents come before children in the config
        depths[name] = 1 + max((depths[read] for read in reads[name]), default=0)
    waiting = [config["output_layers"][0][0]]
    while waiting:
        name = waiting[-1]
        towards = reads[name]
        if known[name]["class_name"] in UNORDERED:
            towards = sorted(towards, key=lambda read: -depths[read])
        missing = [read for read in towards if read not in order]
        if missing:
            waiting.append(missing[0])
        else:
            order[waiting.pop()] = None
    return [(name, known[name], reads[name]) for name in order]


def _read(data):
    """Names of the layers whose tensors stand anywhere in a config's inbound nodes."""
    if isinstance(data, dict):
        if "keras_history" in data:
            return [data["keras_history"][0]]
        return [name for value in data.values() for name in _read(value)]
    return [name for value in data for name in _read(value)] if isinstance(data, (list, tuple)) else []


def _words(layer):
    """The lines of one operation: itself, if it does anything, and the activation within it."""
    import keras

    kind, config = layer["class_name"], layer["config"]
    if kind == "InputLayer":
        return [f"input {_said(config['batch_shape'][1:])}"]
    if kind in ACTIVATIONS:
        name, plain = ACTIVATIONS[kind]
        if all(config[key] == plain.get(key) for key in config.keys() - {*SILENT}):
            return [name]
    words = [kind]
    if (precision := _precision(config)) != _precision({"dtype": keras.config.dtype_policy().name}):
        words.append(precision)
    for key, value in sorted(config.items()):
        said = _said(value)
        if key not in SILENT and value not in (None, False) and USUAL.get(key) != said:
            words.append(key if value is True else f"{key}={said}")
    for node in layer["inbound_nodes"]:
        words += _called_with(node)
    line = [] if kind == "Activation" else [" ".join(words)]
    activation = _said(config.get("activation", "linear"))
    return line + ([] if activation == "linear" else [activation])


def _precision(config):
    """The precision that a layer computes in, where it has one of its own."""
    import keras

    policy = config.get("dtype")
    name = policy["config"]["name"] if isinstance(policy, dict) else policy
    return name or keras.config.dtype_policy().name


def _said(value):
    if isinstance(value, dict):
        if value["class_name"] == "__slice__":
            start, stop, step = ("" if value["config"][end] is None else value["config"][end] for end in ("start", "stop", "step"))
            return f"{start}:{stop}:{step}" if step else f"{start}:{stop}"
        if value["class_name"] == "__ellipsis__":
            return "..."
        inside = [f"{key}={_said(each)}" for key, each in value.get("config", {}).items() if each is not None]  # an initialiser, say
        return value["class_name"] + (f"({', '.join(inside)})" if inside else "")
    if isinstance(value, (list, tuple)):
        words = [_said(each) for each in value]
        return ("," if any(":" in word for word in words) else "x").join(words)
    return str(value)


def _called_with(node):
    """What an operation is called with beside tensors, with ``_`` where those stand.

    Not whether it is training: that the model says, whatever its layers were called with.
    """
    arguments = ["_" if _read(each) else _said(each) for each in node["args"]]
    named = [f"{key}={_said(each)}" for key, each in node["kwargs"].items() if each is not None and key not in ("mask", "training")]
    return (arguments if {*arguments} - {"_"} else []) + named


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
