"""The text of a network: equal for equal computations, different for different ones."""

import pytest

import zoo
from baselines import train
from baselines.cells import cells
from zoo.graph import graph
from zoo.operations import layers, ordered

pytestmark = pytest.mark.self


def built(function):
    """A network from a function of keras.layers and an input, without weights."""

    def build():
        import keras

        inputs = keras.Input((8, 8, 3))
        return keras.Model(inputs, function(keras.layers, inputs))

    return graph(zoo.weightless(build))


def residual(layers, x, turned=False, width=4, **options):
    left = layers.Conv2D(width, 3, padding="same", **options)(x)
    if turned:
        right = layers.Conv2D(width, 1)(x)
        return layers.Flatten()(layers.add([right, layers.Activation("relu")(left)]))
    right = layers.Conv2D(width, 1)(x)
    return layers.Flatten()(layers.add([layers.ReLU()(left), right]))


def test_the_text_lists_the_layers_in_order():
    expected = """input 8x8x3
Conv2D filters=4 kernel_initializer=GlorotUniform kernel_size=3x3 padding=same use_bias
relu
Conv2D filters=4 kernel_initializer=GlorotUniform kernel_size=1x1 padding=valid use_bias <- 3
Add <- 1, 2
Flatten"""
    assert expected == built(lambda layers, x: residual(layers, x, name="mine"))


def test_names_order_of_summands_and_fused_activations_do_not_matter():
    first = built(residual)
    assert first == built(lambda layers, x: residual(layers, x, turned=True, name="other"))
    fused = built(lambda layers, x: layers.Dense(3, activation="softmax")(layers.Flatten()(x)))
    assert fused == built(lambda layers, x: layers.Softmax()(layers.Dense(3)(layers.Flatten()(x))))

    def sequential():
        import keras

        layers = keras.layers
        return keras.Sequential([layers.Input((8, 8, 3)), layers.Flatten(), layers.Dense(3, "softmax")])

    assert fused == graph(zoo.weightless(sequential))


@pytest.mark.parametrize(
    "change",
    [
        lambda layers, x: residual(layers, x, width=5),
        lambda layers, x: residual(layers, x, use_bias=False),
        lambda layers, x: residual(layers, x, dilation_rate=2),
        lambda layers, x: residual(layers, x, bias_initializer="ones"),
        lambda layers, x: residual(layers, x, kernel_regularizer="l2"),
        lambda layers, x: residual(layers, x + 1.0),
        lambda layers, x: residual(layers, x / 2.0),
        lambda layers, x: residual(layers, x[:, 1:]),
        lambda layers, x: residual(layers, x, dtype="float16"),
        lambda layers, x: residual(layers, x, kernel_constraint="non_neg"),
    ],
)
def test_a_change_of_the_computation_changes_the_text(change):
    assert built(residual) != built(change)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (lambda x: 1 - x, lambda x: x - 1),
        (lambda x: 2 / x, lambda x: x / 2),
        (lambda x: x**2, lambda x: 2**x),
        (lambda x: x[:, ::2], lambda x: x[:, :]),
        (lambda x: x[:, 0:4:2], lambda x: x[:, 0:4:3]),
        (lambda x: x[:, 1:], lambda x: x[..., 1:]),
    ],
)
def test_the_side_of_a_constant_and_every_part_of_a_slice_matter(one, other):
    assert built(lambda layers, x: one(x)) != built(lambda layers, x: other(x))


def test_a_relus_maximum_and_the_order_of_a_concatenation_matter():
    assert built(lambda layers, x: layers.ReLU()(x)) != built(lambda layers, x: layers.ReLU(max_value=6)(x))

    def joined(layers, x, turned):
        parts = [x, layers.Activation("tanh")(x)]
        return layers.concatenate(parts[::-1] if turned else parts)

    assert built(lambda layers, x: joined(layers, x, False)) != built(lambda layers, x: joined(layers, x, True))


def test_blocks_that_repeat_stand_once():
    def tower(layers, x, times):
        for _ in range(times):
            x = layers.add([x, layers.Conv2D(3, 3, padding="same", use_bias=False)(x)])
        return x

    block = "  Conv2D filters=3 kernel_initializer=GlorotUniform kernel_size=3x3 padding=same\n  Add <- 1, 2"
    assert f"input 8x8x3\n5 x\n{block}" == built(lambda layers, x: tower(layers, x, 5))


def test_a_python_function_is_refused_by_name():
    problem = "cannot be written as text: it holds a Python function"
    with pytest.raises(NotImplementedError, match=f"mine {problem}; make it a layer of keras, operations of keras.ops"):
        built(lambda layers, x: layers.Lambda(lambda t: t + 1, name="mine")(x))
    with pytest.raises(NotImplementedError, match=f"conv2d.* {problem}"):
        built(lambda layers, x: layers.Conv2D(3, 1, activation=pools)(x))
    with pytest.raises(NotImplementedError, match=f"timed {problem}"):
        built(lambda layers, x: layers.TimeDistributed(layers.Lambda(lambda t: t + 1), name="timed")(x))
    with pytest.raises(NotImplementedError, match="hidden cannot be written as text: Keras cannot serialise it; .*get_config"):
        built(lambda layers, x: own(object())(x))


def test_a_subclassed_model_is_refused_by_name():
    import keras

    class Subclassed(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(NotImplementedError, match="blind cannot be written as text: .* build it as keras.Model"):
        graph(Subclassed(name="blind"))


def test_a_line_that_repeats_stands_once():
    assert "input 8x8x3\n3 x\n  MaxPooling2D padding=same pool_size=2x2\nFlatten" == built(
        lambda layers, x: layers.Flatten()(pools(layers, x))
    )


def pools(layers, x):
    for _ in range(3):
        x = layers.MaxPooling2D(2, strides=1, padding="same")(x)
    return x


def own(factor, kind="Own"):
    """A custom layer whose config holds its arguments."""
    import keras

    def __init__(self, factor, **options):
        super(made, self).__init__(**options)
        self.factor = factor

    made = type(kind, (keras.Layer,), {"__init__": __init__, "call": lambda self, x: x * 1.0})
    return made(factor, name="hidden" if kind == "Own" else "seen")


def block(layers, x, name=None):
    """A model inside a model: the layers of ``residual``, with an input and an output."""
    import keras

    image = keras.Input(x.shape[1:])
    return keras.Model(image, residual(layers, image), name=name)(x)


def sequence(layers, x, length=4):
    return layers.Reshape((-1, length))(x)


# kind -> two equal networks, and one that differs from them in a detail
KINDS = {
    "model_within": (residual, block, lambda layers, x: block(layers, layers.ReLU()(x))),
    "sequential_within": (
        lambda layers, x: layers.Dense(3, "relu")(layers.Flatten()(x)),
        lambda layers, x: sequential(layers.Flatten(name="a"), sequential(layers.Dense(3, name="b")), layers.ReLU())(x),
        lambda layers, x: sequential(layers.Flatten(), layers.Dense(3))(x),
    ),
    "shared_without_weights": (
        lambda layers, x: layers.MaxPooling2D()(layers.MaxPooling2D()(x)),
        lambda layers, x: twice(layers.MaxPooling2D(), x),
        lambda layers, x: layers.MaxPooling2D()(x),
    ),
    "shared": (
        lambda layers, x: twice(layers.Conv2D(3, 1), x),
        lambda layers, x: twice(sequential(layers.Conv2D(3, 1, name="inside")), x),
        lambda layers, x: layers.Conv2D(3, 1)(layers.Conv2D(3, 1)(x)),
    ),
    "sum_of_equals": (
        lambda layers, x: layers.add([layers.Conv2D(3, 1)(x), layers.Conv2D(3, 3, padding="same")(x)]),
        lambda layers, x: layers.add([layers.Conv2D(3, 3, padding="same")(x), layers.Conv2D(3, 1)(x)]),
        lambda layers, x: layers.add([layers.Conv2D(3, 5, padding="same")(x), layers.Conv2D(3, 1)(x)]),
    ),
    "depthwise": (
        lambda layers, x: layers.DepthwiseConv2D(3, activation="relu")(x),
        lambda layers, x: layers.ReLU()(layers.DepthwiseConv2D((3, 3), depth_multiplier=1)(x)),
        lambda layers, x: layers.DepthwiseConv2D(3, depth_multiplier=2, activation="relu")(x),
    ),
    "separable": (
        lambda layers, x: layers.SeparableConv2D(5, 3)(x),
        lambda layers, x: layers.SeparableConv2D(5, (3, 3), name="other")(x),
        lambda layers, x: layers.SeparableConv2D(5, 3, depth_multiplier=2)(x),
    ),
    "grouped": (
        lambda layers, x: layers.Conv2D(6, 3, groups=3)(x),
        lambda layers, x: layers.Conv2D(6, (3, 3), groups=3, name="other")(x),
        lambda layers, x: layers.Conv2D(6, 3)(x),
    ),
    "transposed": (
        lambda layers, x: layers.Conv2DTranspose(5, 3, activation="relu")(x),
        lambda layers, x: layers.Activation("relu")(layers.Conv2DTranspose(5, 3)(x)),
        lambda layers, x: layers.Conv2DTranspose(5, 3, strides=2, activation="relu")(x),
    ),
    "layer_normalised": (
        lambda layers, x: layers.LayerNormalization()(x),
        lambda layers, x: layers.LayerNormalization(axis=-1, name="other")(x),
        lambda layers, x: layers.LayerNormalization(epsilon=1e-6)(x),
    ),
    "group_normalised": (
        lambda layers, x: layers.GroupNormalization(3)(x),
        lambda layers, x: layers.GroupNormalization(groups=3, name="other")(x),
        lambda layers, x: layers.GroupNormalization(1)(x),
    ),
    "attention": (
        lambda layers, x: layers.MultiHeadAttention(2, 3)(sequence(layers, x), sequence(layers, x)),
        lambda layers, x: layers.MultiHeadAttention(2, 3)(value=sequence(layers, x), query=sequence(layers, x)),
        lambda layers, x: layers.MultiHeadAttention(2, 3)(sequence(layers, x), sequence(layers, x), use_causal_mask=True),
    ),
    "attention_of_two": (
        lambda layers, x: layers.MultiHeadAttention(2, 3)(layers.ReLU()(sequence(layers, x)), sequence(layers, x)),
        lambda layers, x: layers.MultiHeadAttention(2, 3)(value=sequence(layers, x), query=layers.ReLU()(sequence(layers, x))),
        lambda layers, x: layers.MultiHeadAttention(2, 3)(query=sequence(layers, x), value=layers.ReLU()(sequence(layers, x))),
    ),
    "einsum": (
        lambda layers, x: layers.EinsumDense("abcd,de->abce", (None, None, 5), activation="relu")(x),
        lambda layers, x: layers.ReLU()(layers.EinsumDense("abcd,de->abce", (None, None, 5), name="other")(x)),
        lambda layers, x: layers.EinsumDense("abcd,de->abce", (None, None, 5), bias_axes="e", activation="relu")(x),
    ),
    "rescaled": (
        lambda layers, x: layers.Rescaling(1 / 255)(x),
        lambda layers, x: layers.Rescaling(1 / 255, offset=0.0, name="other")(x),
        lambda layers, x: layers.Rescaling(1 / 255, offset=-1.0)(x),
    ),
    "normalised": (
        lambda layers, x: layers.Normalization(mean=[1, 2, 3.0], variance=[1, 1, 1.0])(x),
        lambda layers, x: layers.Normalization(mean=(1.0, 2.0, 3.0), variance=(1.0, 1.0, 1.0), name="other")(x),
        lambda layers, x: layers.Normalization(mean=[1, 2, 4.0], variance=[1, 1, 1.0])(x),
    ),
    "many_constants": (lambda layers, x: x + numbers(), lambda layers, x: x + numbers().copy(), lambda layers, x: x + numbers()[::-1]),
    "shape_of_a_constant": (
        lambda layers, x: x + numbers()[:1, :, :1],
        lambda layers, x: x + numbers()[:1, :, :1].copy(),
        lambda layers, x: x + numbers()[:1, :, :1].reshape(8, 1, 1),
    ),
    "embedded": (
        lambda layers, x: layers.Embedding(9, 3)(layers.Flatten()(x)),
        lambda layers, x: layers.Embedding(input_dim=9, output_dim=3, name="other")(layers.Flatten()(x)),
        lambda layers, x: layers.Embedding(9, 4)(layers.Flatten()(x)),
    ),
    "own": (lambda layers, x: own(2)(x), lambda layers, x: own(2)(x), lambda layers, x: own(0)(x)),
    "own_class": (lambda layers, x: own(2, "ReLU")(x), lambda layers, x: own(2, "ReLU")(x), lambda layers, x: own(2)(x)),
    "wrapped": (
        lambda layers, x: layers.TimeDistributed(layers.Dense(5, name="a"))(x),
        lambda layers, x: layers.TimeDistributed(layers.Dense(5, name="b"), name="c")(x),
        lambda layers, x: layers.TimeDistributed(layers.Dense(5, "relu"))(x),
    ),
    "one_of_several_outputs": (
        lambda layers, x: (y := parts(x))[0] - y[1],
        lambda layers, x: layers.subtract(parts(x)[:2]),
        lambda layers, x: (y := parts(x))[1] - y[0],
    ),
    "second_output": (lambda layers, x: parts(x)[1], lambda layers, x: parts(x)[1], lambda layers, x: parts(x)[0]),
    "outputs": (
        lambda layers, x: [layers.ReLU()(x), layers.Flatten()(x)],
        lambda layers, x: [layers.Activation("relu", name="other")(x), layers.Flatten()(x)],
        lambda layers, x: [layers.Flatten()(x), layers.ReLU()(x)],
    ),
    "named_outputs": (
        lambda layers, x: {"a": layers.ReLU()(x), "b": layers.Flatten()(x)},
        lambda layers, x: {"b": layers.Flatten()(x), "a": layers.ReLU()(x)},
        lambda layers, x: {"b": layers.ReLU()(x), "a": layers.Flatten()(x)},
    ),
}


def numbers():
    import numpy as np

    return np.arange(192.0).reshape(8, 8, 3)


def parts(x):
    import keras

    return keras.ops.split(x, [1, 2], axis=-1)


def sequential(*layers):
    import keras

    return keras.Sequential([*layers])


def twice(layer, x):
    return layer(layer(x))


@pytest.mark.parametrize("kind", KINDS)
def test_equal_networks_have_one_text_and_a_changed_detail_another(kind):
    first, same, other = map(built, KINDS[kind])
    assert first == same
    assert first != other


def test_shared_weights_several_outputs_and_a_custom_layer_show():
    def function(layers, x):
        shared = sequential(layers.Conv2D(3, 1, use_bias=False, activation="relu"))
        return {"once": (y := shared(x)), "twice": own(2)(shared(y))}

    expected = """input 8x8x3
Conv2D filters=3 kernel_initializer=GlorotUniform kernel_size=1x1 padding=valid
relu
Conv2D filters=3 kernel_initializer=GlorotUniform kernel_size=1x1 padding=valid = layer above 2
relu
own Own factor=2
output once <- 4
output twice <- 1"""
    assert expected == built(function)


def test_the_inputs_of_a_model_have_numbers():
    def text(turned):
        import keras

        left, right = keras.Input((3,)), keras.Input((3,), dtype="int32")
        return graph(keras.Model([right, left] if turned else [left, right], keras.layers.subtract([left, right])))

    assert "input 3 number=1\ninput 3 int32 number=2\nSubtract <- 2, 1" == zoo.weightless(text, False)
    assert "input 3 number=2\ninput 3 int32 number=1\nSubtract <- 2, 1" == zoo.weightless(text, True)


def test_inputs_passed_by_name_are_distinguished():
    def text(turned):
        import keras

        left, right = keras.Input((3,), name="z"), keras.Input((3,), name="a")
        inner = keras.Model([left, right], keras.layers.subtract([left, right]))
        x = keras.Input((3,))
        named = {"z": x, "a": keras.layers.ReLU()(x)}
        return graph(keras.Model(x, inner(named if not turned else {"z": named["a"], "a": x})))

    assert "input 3\nrelu\nSubtract <- 2, 1" == zoo.weightless(text, False)
    assert "input 3\nrelu\nSubtract <- 1, 2" == zoo.weightless(text, True)


def test_each_operation_has_a_unique_name_that_leads_to_its_layer():
    import keras

    inner = keras.Sequential([keras.layers.Input((8, 8, 3)), keras.layers.Conv2D(3, 1, name="conv")], name="inner")
    image = keras.Input((8, 8, 3), name="image")
    model = keras.Model(image, inner(inner(image)))
    assert [("image", []), ("inner/conv", ["image"]), ("inner#2/conv", ["inner/conv"])] == [
        (name, reads) for name, _, reads in ordered(model)
    ]
    assert inner.layers[0] is layers(model)["inner#2/conv"]


def test_the_text_is_made_without_building_a_model(monkeypatch):
    import keras

    model = sequential(keras.layers.Input((8, 8, 3)), keras.layers.Dropout(0.5))
    monkeypatch.setattr(keras.Model, "__init__", lambda *_, **__: pytest.fail("a model was built"))
    assert "input 8x8x3\nDropout rate=0.5" == graph(model)


def test_the_digest_in_a_record_is_of_the_cells_network(monkeypatch):
    cell = cells()["vgg_like-digits-digits_vgg"]
    before = train.code(cell)
    assert before["graph"] != train.code(cell._replace(classes=11))["graph"]
    assert before == train.code(cell._replace(id="another"))
