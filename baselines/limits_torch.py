"""The same training in PyTorch, as its users write it: a Keras network translated layer by layer, images on the device.

PyTorch is no dependency of the suite. Maps are channels-last in memory, and the L2 penalty is the optimizer's
weight decay, whose gradient is the same.
"""

import torch
from torch import nn
from torch.nn import functional as F

from zoo.graph import ordered

ACTIVATIONS = {"linear": (), "relu": (F.relu,), "tanh": (torch.tanh,), "silu": (F.silu,)}
WORDS = {"learning_rate": "lr", "rho": "rho", "epsilon": "eps", "momentum": "momentum", "nesterov": "nesterov"}  # Keras's -> PyTorch's
OPTIMIZERS = {"Adadelta": {}, "Adam": {"fused": True}, "Adamax": {}, "SGD": {"fused": True}}


def prepared(network, optimizer, recipe, images, labels):
    """A function without arguments that trains one epoch more, and returns its mean loss.

    Args:
        network: keras.Model that ends in a softmax, whose weights are copied.
        optimizer: keras.Optimizer, whose hyper-parameters are taken; a schedule's first rate is kept.
        recipe: a recipe's table, of which augmentation is left out.
        images, labels: uint8 (N, height, width, channels), int32 (N,): NumPy's.

    Raises:
        NotImplementedError: something cannot be translated; the message names it.
    """
    if not all(layer.trainable for layer in network.layers):
        raise NotImplementedError("frozen layers cannot be translated")
    torch.manual_seed(0)
    torch.set_float32_matmul_precision("high")  # as TensorFlow and JAX multiply on a GPU
    device = "cuda" if torch.cuda.is_available() else "cpu"
    modules, forward = translated(network)
    modules.to(device, memory_format=torch.channels_last).train()
    steps = _optimizer(modules, optimizer)
    mean = torch.from_numpy(images.mean(0, dtype="float64")).float().permute(2, 0, 1).to(device)
    images, labels = torch.tensor(images).to(device), torch.tensor(labels).long().to(device)

    def read(rows):
        x = images[rows].permute(0, 3, 1, 2).float()
        if recipe["input"] != "raw":
            x = (x - mean if recipe["input"] == "mean_subtracted" else x) / 255
        return F.interpolate(x, recipe["size"], mode=recipe["interpolation"]) if "size" in recipe else x

    def epoch():
        loss_sum, right = torch.zeros((), device=device), torch.zeros((), dtype=torch.long, device=device)
        for rows in torch.randperm(len(labels), device=device).split(recipe["batch"]):
            logits = forward(read(rows))
            loss = F.cross_entropy(logits, labels[rows])
            steps.zero_grad()
            loss.backward()
            steps.step()
            loss_sum += loss.detach() * len(rows)
            right += (logits.argmax(1) == labels[rows]).sum()
        return loss_sum.item() / len(labels)

    return epoch


def _optimizer(modules, optimizer):
    config, kind = optimizer.get_config(), type(optimizer).__name__
    if kind not in OPTIMIZERS:
        raise NotImplementedError(f"the optimizer {kind} cannot be translated; known: {', '.join(OPTIMIZERS)}")
    words = {WORDS[key]: value for key, value in config.items() if key in WORDS} | OPTIMIZERS[kind]
    if isinstance(words["lr"], dict):
        words["lr"] = words["lr"]["config"]["initial_learning_rate"]
    if "beta_1" in config:
        words["betas"] = config["beta_1"], config["beta_2"]
    groups = {}
    for weight in filter(lambda weight: weight.requires_grad, modules.parameters()):
        groups.setdefault(getattr(weight, "decay", 0.0), []).append(weight)
    return getattr(torch.optim, kind)([{"params": weights, "weight_decay": decay} for decay, weights in groups.items()], **words)


def translated(network):
    """(nn.ModuleList of a keras.Model's layers with its weights, function from floats (N, channels, height, width) to logits)."""
    modules, operations = nn.ModuleList(), []
    described = ordered(network)
    for name, layer, reads in described:
        kind, config = layer["class_name"], layer["config"]
        if kind not in LAYERS:
            raise NotImplementedError(f"{kind} cannot be translated ({name})")
        its = next((each for each in network.layers if each.name == name), None)  # an Add may be an operation
        parts = LAYERS[kind](config, its)
        activation = "softmax" if kind == "Softmax" else config.get("activation", "linear")
        if activation == "softmax" and name == described[-1][0]:
            activation = "linear"  # the loss is that of logits
        if activation not in ACTIVATIONS:
            raise NotImplementedError(f"the activation {activation} cannot be translated ({name})")
        parts = [*parts, *ACTIVATIONS[activation]]
        modules.extend(part for part in parts if isinstance(part, nn.Module))
        operations.append((name, parts, reads))

    def forward(x):
        seen = {None: x}
        for name, parts, reads in operations:
            values = [seen[read] for read in reads or [None]]
            for part in parts:
                values = [part(*values)]
            seen[name] = values[0]
        return seen[name]

    return modules, forward


def _with_weights(layer, module):
    """The module with the layer's weights, and the layer's L2 penalty as its kernel's weight decay."""
    learned = [weight for weight in (module.weight, module.bias) if weight is not None and weight.requires_grad]
    for target, value in zip([*learned, *module.buffers()], layer.get_weights(), strict=False):  # last, a count that Keras lacks
        target.data.copy_(torch.from_numpy(value).permute({4: (3, 2, 0, 1), 2: (1, 0), 1: (0,)}[value.ndim]))
    if penalty := getattr(getattr(layer, "kernel", None), "regularizer", None):
        module.weight.decay = 2 * float(penalty.get_config()["l2"])
    return module


def _padding(config, layer, window, filled):
    """What 'same' pads: ([a layer that does, where one side gets more], padding of the window's own layer)."""
    if config["padding"] == "valid":
        return [], 0
    sizes = zip(layer.input.shape[1:3], window, config["strides"], config.get("dilation_rate", (1, 1)), strict=True)
    totals = [max((-(-size // stride) - 1) * stride + (width - 1) * rate + 1 - size, 0) for size, width, stride, rate in sizes]
    if not any(total % 2 for total in totals):
        return [], tuple(total // 2 for total in totals)
    if filled is None:
        raise NotImplementedError(f"an average over padding on one side cannot be translated ({layer.name})")
    return [nn.ConstantPad2d([side for total in totals[::-1] for side in (total // 2, total - total // 2)], filled)], 0


def _conv(config, layer):
    before, padding = _padding(config, layer, config["kernel_size"], 0.0)
    sizes = layer.input.shape[-1], config["filters"], config["kernel_size"], config["strides"], padding
    conv = nn.Conv2d(*sizes, config["dilation_rate"], config["groups"], config["use_bias"])
    return [*before, _with_weights(layer, conv)]


def _pool(config, layer, kind, filled, **words):
    before, padding = _padding(config, layer, config["pool_size"], filled)
    return [*before, kind(config["pool_size"], config["strides"], padding, **words)]


def _normalised(config, layer):
    kind = nn.BatchNorm2d if len(layer.input.shape) == 4 else nn.BatchNorm1d
    norm = kind(layer.input.shape[-1], config["epsilon"], 1 - config["momentum"])
    norm.weight.requires_grad_(config["scale"]), norm.bias.requires_grad_(config["center"])
    return [_with_weights(layer, norm)]


FIRST = {-1: 1, 1: 2, 2: 3, 3: 1}  # axis of Keras's maps -> of PyTorch's, whose channels come first
LAYERS = {  # each a function of (its config, the layer) -> what is done in turn
    "InputLayer": lambda config, layer: [],
    "Activation": lambda config, layer: [],
    "Softmax": lambda config, layer: [],
    "Conv2D": _conv,
    "Dense": lambda config, layer: [_with_weights(layer, nn.Linear(layer.input.shape[-1], config["units"], config["use_bias"]))],
    "MaxPooling2D": lambda config, layer: _pool(config, layer, nn.MaxPool2d, -torch.inf),
    "AveragePooling2D": lambda config, layer: _pool(config, layer, nn.AvgPool2d, None, count_include_pad=False),
    "GlobalAveragePooling2D": lambda config, layer: [lambda x: x.mean((2, 3))],
    "BatchNormalization": _normalised,
    "Flatten": lambda config, layer: [lambda x: x.permute(0, 2, 3, 1).flatten(1) if x.ndim == 4 else x],  # in Keras's order
    "ZeroPadding2D": lambda config, layer: [nn.ZeroPad2d([side for sides in config["padding"][::-1] for side in sides])],
    "Dropout": lambda config, layer: [nn.Dropout(config["rate"])],
    "ReLU": lambda config, layer: [F.relu],
    "LeakyReLU": lambda config, layer: [nn.LeakyReLU(config["negative_slope"])],
    "Add": lambda config, layer: [lambda *maps: sum(maps[1:], maps[0])],
    "Concatenate": lambda config, layer: [lambda *maps: torch.cat(maps, FIRST[config["axis"]])],
}
