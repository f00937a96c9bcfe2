"""Multiply-accumulates of each operation of Keras that convolves or multiplies matrices.

The elements of the output times the products that are summed for each. Only the shapes of the output and of
the arguments are read. Additions, such as that of a bias, count 0.
"""

import math


def _convolution(output, images, kernel, *_, **__):
    return math.prod(output.shape) * math.prod(kernel.shape[:-1])  # kernel: its sides, channels in of one group, channels out


def _depthwise(output, images, kernel, *_, **__):
    return math.prod(output.shape) * math.prod(kernel.shape[:-2])


def _separable(output, images, depthwise, pointwise, *_, **__):
    return math.prod(output.shape) // pointwise.shape[-1] * (math.prod(depthwise.shape) + math.prod(pointwise.shape))


def _transposed(output, images, kernel, *_, **__):
    return math.prod(images.shape) * math.prod(kernel.shape[:-1])  # kernel: its sides, channels out, channels in


def _product(output, x, y, *_, **__):
    return math.prod(output.shape) * x.shape[-1] if getattr(x, "shape", ()) and getattr(y, "shape", ()) else 0  # a number: no sum


def _tensordot(output, x, y, axes=2, **_):
    summed = [x.shape[axis] for axis in (range(-axes, 0) if isinstance(axes, int) else _listed(axes[0]))]
    return math.prod(output.shape) * math.prod(summed) if summed else 0


def _listed(axes):
    return [axes] if isinstance(axes, int) else axes


def _einsum(output, subscripts, *operands, **_):
    if len(operands) != 2:
        if len(operands) == 1:
            return 0
        raise NotImplementedError("the order of several products is the backend's choice")
    terms, arrow, result = subscripts.replace(" ", "").partition("->")
    left, right = terms.split(",")
    before, _, after = left.partition("...")
    sizes = dict(zip(before, operands[0].shape, strict=False)) | dict(zip(after[::-1], tuple(operands[0].shape)[::-1], strict=False))
    summed = {label for label in {*left} & {*right} - {"."} if not arrow or label not in result}
    return math.prod(output.shape) * math.prod(sizes[label] for label in summed) if summed else 0


def _attention(output, query, key, value, *_, **__):
    images, queries, heads, width = query.shape
    return images * heads * queries * key.shape[1] * (width + value.shape[-1])


COUNTED = {  # (part of keras.src.backend, name) -> the function above
    ("nn", "conv"): _convolution,
    ("nn", "depthwise_conv"): _depthwise,
    ("nn", "separable_conv"): _separable,
    ("nn", "conv_transpose"): _transposed,
    ("nn", "dot_product_attention"): _attention,
    ("numpy", "matmul"): _product,
    ("numpy", "dot"): _product,
    ("numpy", "inner"): _product,
    ("numpy", "vdot"): lambda output, x, y: math.prod(x.shape),
    ("numpy", "tensordot"): _tensordot,
    ("numpy", "einsum"): _einsum,
}
