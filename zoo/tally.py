"""Count the multiply-accumulates of a network in one pass that computes shapes, but no values.

Counted are the operations of Keras that convolve or multiply matrices, whichever layer calls them. So custom
layers, layers used twice and models inside models count as well. Calls of the backend that bypass Keras
cannot be counted: a layer with a weight that no counted operation used is named instead.
"""

import contextlib
import functools
import math
import operator
import threading
import warnings
from collections import Counter
from dataclasses import dataclass, field

from zoo.products import COUNTED

# One pass does not show how often these repeat their body.
LOOPS = ("associative_scan", "cond", "fori_loop", "map", "scan", "switch", "vectorized_map", "while_loop")
NORMALISING = ("BatchNormalization", "GroupNormalization", "LayerNormalization", "RMSNormalization")
# Layers whose weights multiply element by element, or not at all.
FREE = (*NORMALISING, "Embedding", "Normalization", "PReLU", "SpectralNormalization")
LOCK = threading.Lock()  # Keras's functions are replaced for one pass at a time


@dataclass
class Call:
    """A call of a layer or operation that has not returned yet."""

    operation: object
    answered: set = field(default_factory=set)  # ids of the weights of layers that it has called: those layers account for them
    returned: list = field(default_factory=list)  # what those layers returned
    derived: int = 0  # counted operations in it without a stored weight as argument; one may use a value derived from a weight


class Tally:
    """What one pass over a model has counted.

    Attributes:
        macs: Counter of the multiply-accumulates by path: a tuple of layers' names, the outermost first.
        uncounted: paths of what cannot be counted, in the order of the pass: keys of a dict.
        activation_bytes: of every layer's output.
    """

    def __init__(self):
        self.macs, self.uncounted, self.activation_bytes = Counter(), {}, 0
        self._calls, self._met, self._loop, self._inside = [], set(), None, False

    def of(self, name):
        """Multiply-accumulates of one of the model's own layers, and whether all of them could be counted."""
        return sum(macs for path, macs in self.macs.items() if path[:1] == (name,)), all(path[:1] != (name,) for path in self.uncounted)

    def _path(self):
        return tuple(call.operation.name for call in self._calls[1:])

    def call(self, original, operation, args, kwargs):
        """Call a layer or operation; one that fails without values is uncounted, and its output is what it declares."""
        import keras

        if self._inside:
            return original(operation, *args, **kwargs)
        before = len(self.uncounted)
        self._calls.append(call := Call(operation))
        try:
            # Normalisation keeps the shape; calling it would take half of the time.
            outputs = args[0] if args and type(operation) in _layers(NORMALISING) else original(operation, *args, **kwargs)
        except Exception:
            if len(self.uncounted) == before:
                self.uncounted[self._path()] = None
            outputs = self._unseen(_declared, operation, args, kwargs)
        finally:
            path = self._path()
            self._calls.pop()
        if isinstance(operation, keras.Layer):
            self._returned(call, path, keras.tree.flatten(outputs))
        return outputs

    def _returned(self, call, path, outputs):
        """After the call of a layer: add its outputs' bytes, unless an inner layer returned them; uncounted if it has unused weights."""
        import keras

        layer = call.operation
        weights = {id(weight) for weight in layer.weights if len(weight.shape) > 1 and weight.name != "bias"}  # attention's has two axes
        unmet = weights - call.answered - self._met
        if isinstance(layer, keras.layers.Lambda) or (len(unmet) > call.derived and not isinstance(layer, _layers(FREE))):
            self.uncounted[path] = None
        if not isinstance(layer, keras.Model):
            self.activation_bytes += sum(_bytes(tensor, layer) for tensor in outputs if all(tensor is not each for each in call.returned))
        if self._calls:
            self._calls[-1].answered |= weights
            self._calls[-1].returned += outputs

    def count(self, original, macs, args, kwargs):
        """Call one of COUNTED and add what it costs, unless another of them calls it or it is inside a loop."""
        import keras

        if self._inside or not self._calls:
            return original(*args, **kwargs)
        output = self._unseen(original, *args, **kwargs)
        weights = {id(each) for each in (*args, *kwargs.values()) if isinstance(each, keras.Variable)}
        self._met |= weights
        self._calls[-1].derived += not weights
        try:
            number = int(macs(output, *args, **kwargs))
        except Exception:  # an axis of unknown length, or a product that COUNTED does not know
            self.uncounted[self._path()] = None
        else:
            if number and self._loop is not None:
                self.uncounted[self._loop] = None
            else:
                self.macs[self._path()] += number
        return output

    def _unseen(self, function, *args, **kwargs):
        """Call a function and count nothing of what it calls."""
        self._inside = True
        try:
            return function(*args, **kwargs)
        finally:
            self._inside = False

    def loop(self, original, args, kwargs):
        before, self._loop = self._loop, self._path() if self._loop is None else self._loop
        try:
            return original(*args, **kwargs)
        finally:
            self._loop = before


def tally(model):
    """A Tally of a built keras.Model, with or without weights, for one image of the size that it was built for. Never raises."""
    import keras
    from keras.src import backend

    seen = Tally()
    for layer in model.layers:
        if isinstance(layer, keras.layers.InputLayer):  # which no pass calls
            seen.activation_bytes += _bytes(keras.KerasTensor((1, *layer.batch_shape[1:]), layer.dtype), layer)
    with LOCK, _watched(seen), contextlib.suppress(Exception), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # JAX warns of float64
        weights = [weight for weight in model.variables if len(weight.shape) > 1]
        symbols = [keras.KerasTensor(weight.shape, weight.dtype) for weight in weights]  # faster than initial values
        backend.compute_output_spec(lambda *arguments: _forward(model, weights, *arguments), symbols, _image(model))
        return seen
    seen.uncounted[()] = None  # the pass did not reach the end
    return seen


@functools.cache
def _layers(names):
    import keras

    return tuple(getattr(keras.layers, name) for name in names if hasattr(keras.layers, name))


def _forward(model, weights, values, image):
    import keras

    with keras.StatelessScope(state_mapping=list(zip(weights, values, strict=True))):
        return model(image, training=False)


def _image(model):
    """Symbolic input of a model, for a batch of one."""
    import keras

    inputs = model.inputs[0] if isinstance(model, keras.Sequential) else model.input
    return keras.tree.map_structure(lambda x: keras.KerasTensor((1, *x.shape[1:]), x.dtype), inputs)


@contextlib.contextmanager
def _watched(seen):
    """Report Keras's calls, products and loops to a Tally, in this thread alone."""
    from keras.src import backend
    from keras.src.ops.operation import Operation

    thread = threading.get_ident()
    replaced = []

    def replace(owner, name, report):
        original = getattr(owner, name, None)
        if original is None:  # not in this version of Keras; layers that call something else are found by their weights
            return

        def function(*args, **kwargs):
            return report(original, args, kwargs) if threading.get_ident() == thread else original(*args, **kwargs)

        replaced.append((owner, name, original))
        setattr(owner, name, function)

    try:
        replace(Operation, "__call__", lambda original, args, kwargs: seen.call(original, args[0], args[1:], kwargs))
        for (part, name), macs in COUNTED.items():
            replace(getattr(backend, part), name, lambda original, args, kwargs, macs=macs: seen.count(original, macs, args, kwargs))
        for owner, name in [(backend, "rnn"), *((backend.core, name) for name in LOOPS)]:
            replace(owner, name, seen.loop)
        yield
    finally:
        for owner, name, original in replaced:
            setattr(owner, name, original)


def _declared(operation, args, kwargs):
    """Zeros in the shape that a layer declares for its output."""
    import keras

    def symbolic(value):
        return keras.KerasTensor(value.shape, keras.backend.standardize_dtype(value.dtype)) if keras.ops.is_tensor(value) else value

    args, kwargs = keras.tree.map_structure(symbolic, (args, kwargs))
    declared = operation.compute_output_spec(*args, **kwargs)
    return keras.tree.map_structure(lambda tensor: keras.ops.zeros(tensor.shape, tensor.dtype), declared)


def _bytes(tensor, layer):
    import keras
    import numpy as np

    try:
        dtype = keras.backend.standardize_dtype(tensor.dtype)
        if (dtype, layer.compute_dtype) == ("float32", "float64"):
            dtype = "float64"  # which JAX gives only where it is told to
        return math.prod(map(operator.index, tensor.shape)) * (2 if dtype == "bfloat16" else np.dtype(dtype).itemsize)
    except Exception:  # no tensor, or one of unknown size
        return 0
