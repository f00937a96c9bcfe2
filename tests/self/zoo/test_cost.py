"""Multiply-accumulates and activations of every kind of layer, compared with arithmetic; layers that cannot be counted are named."""

import threading

import pytest

import zoo
from zoo import __main__ as command
from zoo.cost import cost

pytestmark = pytest.mark.self


def cost_of(function):
    """Cost of a network from a function of keras.layers and an image of 6x5x4, without weights."""
    return zoo.weightless(lambda: cost(network(function)))


def network(function):
    import keras

    image = keras.Input((6, 5, 4))
    return keras.Model(image, function(keras.layers, image), name="mine")


KINDS = {
    "convolution": (4 * 3 * 7 * 3 * 3 * 4, lambda layers, x: layers.Conv2D(7, 3)(x)),
    "strided": (3 * 3 * 7 * 3 * 3 * 4, lambda layers, x: layers.Conv2D(7, 3, strides=2, padding="same")(x)),
    "grouped": (4 * 3 * 6 * 3 * 3 * 2, lambda layers, x: layers.Conv2D(6, 3, groups=2)(x)),
    "dilated": (3 * 2 * 7 * 2 * 2 * 4, lambda layers, x: layers.Conv2D(7, 2, dilation_rate=3)(x)),
    "depthwise": (4 * 3 * 8 * 3 * 3, lambda layers, x: layers.DepthwiseConv2D(3, depth_multiplier=2)(x)),
    "separable": (4 * 3 * (8 * 3 * 3 + 8 * 7), lambda layers, x: layers.SeparableConv2D(7, 3, depth_multiplier=2)(x)),
    "transposed": (6 * 5 * 4 * 3 * 3 * 7, lambda layers, x: layers.Conv2DTranspose(7, 3, strides=2)(x)),
    "channels_first": (3 * 2 * 7 * 3 * 3 * 6, lambda layers, x: layers.Conv2D(7, 3, data_format="channels_first")(x)),
    "one_axis": (28 * 7 * 3 * 4, lambda layers, x: layers.Conv1D(7, 3)(layers.Reshape((30, 4))(x))),
    "one_axis_depthwise": (28 * 4 * 3, lambda layers, x: layers.DepthwiseConv1D(3)(layers.Reshape((30, 4))(x))),
    "one_axis_separable": (28 * (4 * 3 + 4 * 7), lambda layers, x: layers.SeparableConv1D(7, 3)(layers.Reshape((30, 4))(x))),
    "one_axis_transposed": (30 * 4 * 3 * 7, lambda layers, x: layers.Conv1DTranspose(7, 3)(layers.Reshape((30, 4))(x))),
    "three_axes": (5 * 4 * 1 * 7 * 2 * 2 * 2 * 2, lambda layers, x: layers.Conv3D(7, 2)(layers.Reshape((6, 5, 2, 2))(x))),
    "dense": (120 * 7, lambda layers, x: layers.Dense(7)(layers.Flatten()(x))),
    "dense_on_maps": (6 * 5 * 4 * 7, lambda layers, x: layers.Dense(7)(x)),
    "einsum": (6 * 5 * 4 * 7, lambda layers, x: layers.EinsumDense("abcd,de->abce", (None, None, 7))(x)),
    "einsum_ellipsis": (6 * 5 * 4 * 7, lambda layers, x: layers.EinsumDense("...d,de->...e", 7)(layers.Reshape((30, 4))(x))),
    "einsum_by_element": (0, lambda layers, x: layers.EinsumDense("abcd,d->abcd", (None, None, 4))(x)),
    "attention": (
        3 * 30 * 4 * 6 + 2 * (2 * 30 * 30 * 3) + 30 * 6 * 4,
        lambda layers, x: layers.MultiHeadAttention(2, 3)(*[layers.Reshape((30, 4))(x)] * 2),
    ),
    "attention_by_einsum": (
        30 * 4 * (6 + 6 + 10) + 2 * 30 * 30 * (3 + 5) + 30 * 10 * 4,
        lambda layers, x: layers.MultiHeadAttention(2, 3, value_dim=5, dropout=0.1)(*[layers.Reshape((30, 4))(x)] * 2),
    ),
    "products_of_layers": (30 * 4 * 30, lambda layers, x: layers.Dot(2)([layers.Reshape((30, 4))(x), layers.Reshape((30, 4))(x)])),
    "each_in_time": (6 * 5 * 4 * 7, lambda layers, x: layers.TimeDistributed(layers.Dense(7))(x)),
    "normalised": (0, lambda layers, x: layers.PReLU()(layers.LayerNormalization([1, 2, 3])(layers.BatchNormalization()(x)))),
    "pooled": (0, lambda layers, x: layers.GlobalAveragePooling2D()(layers.MaxPooling2D()(layers.UpSampling2D()(x)))),
    "embedding": (0, lambda layers, x: layers.Embedding(9, 3)(layers.Flatten()(x))),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_costs_what_arithmetic_gives(kind):
    macs, function = KINDS[kind]
    costs = cost_of(function)
    assert (macs, ()) == (costs.macs, costs.uncounted)


@pytest.mark.parametrize(
    ("macs", "product"),
    [
        (6 * 5 * 4 * 5, lambda ops, x: ops.matmul(x, ops.transpose(x, (0, 1, 3, 2)))),
        (6 * 5 * 4 * 5, lambda ops, x: x @ ops.transpose(x, (0, 1, 3, 2))),
        (6 * 5 * 4 * 3, lambda ops, x: ops.dot(x, ops.ones((4, 3)))),
        (0, lambda ops, x: ops.dot(x, 2.0)),
        (6 * 5 * 4 * 3, lambda ops, x: ops.tensordot(x, ops.ones((4, 3)), axes=1)),
        (6 * 5 * 4 * 3, lambda ops, x: ops.tensordot(x, ops.ones((3, 5, 4)), axes=[[2, 3], [1, 2]])),
        (6 * 5 * 4 * 5, lambda ops, x: ops.einsum("nhwc,nhvc->nhwv", x, x)),
        (6 * 5 * 4, lambda ops, x: ops.einsum("nhwc,nhwc->n", x, x)),
        (0, lambda ops, x: ops.einsum("nhwc->nchw", x)),
        (0, lambda ops, x: x * x + 1.0),
    ],
)
def test_a_product_outside_of_any_layer_counts(macs, product):
    import keras

    costs = cost_of(lambda layers, x: product(keras.ops, x))
    assert (macs, ()) == (costs.macs, costs.uncounted)


def test_a_layer_or_an_inner_model_used_twice_counts_twice():
    def shared(layers, x):
        convolution = layers.Conv2D(4, 3, padding="same")
        return convolution(convolution(x))

    def nested(layers, x):
        inner = network(lambda layers, x: layers.ReLU()(layers.Conv2D(4, 3, padding="same")(x)))
        return inner(inner(x))

    once = 6 * 5 * 4 * 3 * 3 * 4
    assert (2 * once, 3 * 120 * 4) == (cost_of(shared).macs, cost_of(shared).activation_bytes)
    assert (2 * once, 5 * 120 * 4) == (cost_of(nested).macs, cost_of(nested).activation_bytes)
    assert 3 * 3 * 4 * 4 + 4 == cost_of(nested).parameters


def own(call, *shapes, **methods):
    """A custom layer with weights of these shapes, whose call is a function of its input and them."""
    import keras

    class Own(keras.Layer):
        def build(self, shape):
            self.matrices = [self.add_weight(shape=each) for each in shapes]

        def call(self, x):
            return call(x, *self.matrices)

    for name, method in methods.items():
        setattr(Own, name, method)
    return Own(name="own")


def backend_product(x, y):
    """A product by the backend, past Keras."""
    import keras

    return keras.ops.convert_to_tensor(x) @ keras.ops.convert_to_tensor(y)


def test_a_custom_layer_counts_if_it_calls_keras_and_is_named_if_it_does_not():
    import keras

    product = 6 * 5 * 4 * 4
    seen = cost_of(lambda layers, x: own(keras.ops.matmul, (4, 4))(x))
    assert (product, ()) == (seen.macs, seen.uncounted)
    derived = cost_of(lambda layers, x: own(lambda x, w: keras.ops.matmul(x, w / 2), (4, 4))(x))
    assert (product, ()) == (derived.macs, derived.uncounted)
    unseen = cost_of(lambda layers, x: own(backend_product, (4, 4))(layers.Conv2D(4, 1)(x)))
    assert (product, ("own",)) == (unseen.macs, unseen.uncounted)
    half = cost_of(lambda layers, x: own(lambda x, v, w: keras.ops.matmul(backend_product(x, v), w), (4, 4), (4, 4))(x))
    assert (product, ("own",)) == (half.macs, half.uncounted)
    scale = cost_of(lambda layers, x: own(lambda x, w: x * w, (4,))(x))
    assert (0, ()) == (scale.macs, scale.uncounted)


def test_an_uncounted_layer_is_named_with_the_models_around_it():
    import keras

    def function(layers, x):
        inner = keras.Sequential([layers.Input((6, 5, 4)), layers.Lambda(lambda x: x + 1, name="added")], name="inner")
        x = layers.Dense(4)(inner(x))
        return layers.LSTM(3, name="memory")(layers.Reshape((30, 4))(x))

    costs = cost_of(function)
    assert (6 * 5 * 4 * 4, ("inner/added", "memory")) == (costs.macs, costs.uncounted)
    several = cost_of(lambda layers, x: own(lambda x, v, w: keras.ops.einsum("nhwc,cd,de->nhwe", x, v, w), (4, 4), (4, 4))(x))
    assert (0, ("own",)) == (several.macs, several.uncounted)
    repeated = cost_of(lambda layers, x: own(lambda x, w: keras.ops.fori_loop(0, 3, lambda _, x: keras.ops.matmul(x, w), x), (4, 4))(x))
    assert (0, ("own",)) == (repeated.macs, repeated.uncounted)


def test_a_layer_that_needs_values_is_named_and_the_others_count():
    import numpy as np

    failing = {"compute_output_shape": lambda self, shape: shape}
    costs = cost_of(lambda layers, x: layers.Dense(7)(own(lambda x: np.asarray(x).tolist()[0], **failing)(x)))
    assert (6 * 5 * 4 * 7, ("own",)) == (costs.macs, costs.uncounted)


def test_layers_without_a_known_image_size_are_named():
    def count():
        import keras

        layers = keras.layers
        return cost(
            keras.Sequential(
                [layers.Input((None, None, 3)), layers.Conv2D(2, 3, name="open"), layers.GlobalAveragePooling2D(), layers.Dense(5)]
            )
        )

    costs = zoo.weightless(count)
    assert (2 * 5, (2 + 5) * 4, ("open",)) == (costs.macs, costs.activation_bytes, costs.uncounted)


def test_a_model_with_several_inputs_has_a_cost():
    def count():
        import keras

        left, right = keras.Input((3,), name="z"), keras.Input((4,), name="a")
        both = keras.layers.concatenate([left, keras.layers.Dense(5)(right)])
        return cost(keras.Model({"z": left, "a": right}, [both, keras.layers.Dense(2)(both)]))

    costs = zoo.weightless(count)
    assert (4 * 5 + 8 * 2, (3 + 4 + 5 + 8 + 2) * 4, ()) == (costs.macs, costs.activation_bytes, costs.uncounted)


def test_outputs_within_a_layer_count_once():
    import keras

    dense = keras.layers.Dense(7)
    passed = cost_of(lambda layers, x: own(dense)(x))
    assert (120 + 6 * 5 * 7) * 4 == passed.activation_bytes
    added = cost_of(lambda layers, x: own(lambda x: dense(x) + 1)(x))
    assert (120 + 2 * 6 * 5 * 7) * 4 == added.activation_bytes
    assert (6 * 5 * 4 * 7, ()) == (added.macs, added.uncounted)


def test_counting_changes_neither_keras_nor_other_threads():
    import keras
    from keras.src import backend
    from keras.src.ops.operation import Operation

    before = backend.nn.conv, backend.numpy.matmul, Operation.__call__, backend.core.scan
    shapes = []

    def elsewhere(x):
        thread = threading.Thread(target=lambda: shapes.append(keras.layers.Dense(3)(keras.ops.ones((2, 2))).shape))
        thread.start()
        thread.join()
        return x

    costs = cost_of(lambda layers, x: own(elsewhere)(x))
    assert (0, ()) == (costs.macs, costs.uncounted)
    assert [(2, 3)] * len(shapes) == shapes
    assert shapes
    assert before == (backend.nn.conv, backend.numpy.matmul, Operation.__call__, backend.core.scan)


def test_a_network_with_weights_keeps_them():
    import numpy as np

    model = network(lambda layers, x: layers.BatchNormalization()(layers.Conv2D(7, 3)(x)))
    before = model.get_weights()
    assert 4 * 3 * 7 * 3 * 3 * 4 == cost(model).macs
    assert all(map(np.array_equal, before, model.get_weights()))


def test_a_summary_names_uncounted_layers(monkeypatch, capsys):
    import keras

    def function(layers, x):
        inner = keras.Sequential([layers.Input((6, 5, 4)), layers.DepthwiseConv2D(3), own(backend_product, (4, 4))], name="inner")
        y = inner(x)
        return layers.Flatten()(y @ keras.ops.transpose(y, (0, 1, 3, 2)))

    monkeypatch.setattr(zoo, "build", lambda *_: network(function))
    assert 0 == command.main(["summary", "lenet5"])
    *rows, last = capsys.readouterr().out.splitlines()
    assert "not counted in lenet5: inner/own" == last
    macs = {row.split()[0]: row.split("  ")[-1].strip() for row in rows[2:]}
    assert {"inner": f"at least {4 * 3 * 4 * 9}", "matmul": str(4 * 3 * 3 * 4), "total": f"at least {4 * 3 * 4 * 9 + 4 * 3 * 3 * 4}"} == {
        key.rstrip("_0123456789"): value for key, value in macs.items() if value != "0"
    }


def test_the_list_says_at_least_for_a_model_with_uncounted_layers(monkeypatch, capsys):
    monkeypatch.setattr(zoo, "MODELS", {"lenet5": zoo.MODELS["lenet5"]})
    monkeypatch.setattr(zoo, "build", lambda *_: network(lambda layers, x: layers.Lambda(lambda x: x, name="mystery")(x)))
    assert 0 == command.main([])
    output = capsys.readouterr().out
    assert "  at least 0.0  " in output
    assert "not counted in lenet5: mystery\n" in output


@pytest.mark.parametrize(
    ("name", "native", "classifier"), [("MobileNet", 568_740_352, 1024 * 1000), ("MobileNetV2", 300_774_272, 1280 * 1000)]
)
def test_costs_without_the_classifier_are_proportional_to_pixels(name, native, classifier):
    import keras

    costs = zoo.weightless(lambda: cost(getattr(keras.applications, name)(weights=None, input_shape=(32, 32, 3))))
    assert ((native - classifier) // 7**2 + classifier, ()) == (costs.macs, costs.uncounted)
