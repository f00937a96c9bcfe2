"""The text of a network: the same for the same computation, another for any other."""

import pytest

import zoo
from baselines import train
from baselines.cells import cells
from zoo.graph import graph

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


def test_it_reads_like_the_network():
    expected = """input 8x8x3
Conv2D filters=4 kernel_initializer=GlorotUniform kernel_size=3x3 padding=same use_bias
relu
Conv2D filters=4 kernel_initializer=GlorotUniform kernel_size=1x1 padding=valid use_bias <- 3
Add <- 1, 2
Flatten"""
    assert expected == built(lambda layers, x: residual(layers, x, name="mine"))


def test_names_the_order_of_a_sum_and_where_an_activation_stands_do_not_matter():
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
def test_whatever_changes_the_computation_changes_the_text(change):
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
def test_where_a_constant_stands_and_every_part_of_a_slice_count(one, other):
    assert built(lambda layers, x: one(x)) != built(lambda layers, x: other(x))


def test_a_max_relu_is_no_plain_one_and_a_concatenation_keeps_its_order():
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


def test_a_layer_used_twice_and_a_network_within_a_network_are_refused_by_name():
    def twice(layers, x):
        shared = layers.Conv2D(3, 1, name="shared")
        return shared(shared(x))

    with pytest.raises(NotImplementedError, match="used twice, or is a network itself: shared"):
        built(twice)

    def nested(layers, x):
        import keras

        return keras.Sequential([layers.Input((8, 8, 3)), layers.Flatten()], name="inner")(x)

    with pytest.raises(NotImplementedError, match="inner"):
        built(nested)
    with pytest.raises(NotImplementedError, match="several outputs"):
        built(lambda layers, x: [x, layers.Flatten()(x)])
    with pytest.raises(NotImplementedError, match="a function of one's own: mine"):
        built(lambda layers, x: layers.Lambda(lambda t: t + 1, name="mine")(x))
    with pytest.raises(NotImplementedError, match="a function of one's own: conv2d"):
        built(lambda layers, x: layers.Conv2D(3, 1, activation=pools)(x))


def test_a_line_that_repeats_stands_once():
    assert "input 8x8x3\n3 x\n  MaxPooling2D padding=same pool_size=2x2\nFlatten" == built(
        lambda layers, x: layers.Flatten()(pools(layers, x))
    )


def pools(layers, x):
    for _ in range(3):
        x = layers.MaxPooling2D(2, strides=1, padding="same")(x)
    return x


def test_the_digest_beside_a_verdict_is_of_the_cells_own_network(monkeypatch):
    cell = cells()["vgg_like-digits-digits_vgg"]
    before = train.code(cell)
    assert before["graph"] != train.code(cell._replace(classes=11))["graph"]
    assert before == train.code(cell._replace(id="another"))
