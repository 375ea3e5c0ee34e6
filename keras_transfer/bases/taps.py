"""Feature maps of a base at several strides, for heads that look at more than the last."""

from keras_transfer.bases.table import stages_of
from keras_transfer.errors import UserError

WIDENED = 2  # times the channels of the stage before: a last stage that only widens is passed over


def tap_layers(body, strides):
    """{stride: name of the layer} of the feature maps of a base at some strides.

    Of several stages at one stride it is the last, which has seen the most; but a stage that only
    makes more channels of the one before (for ImageNet's thousand classes) brings no detail.

    Args:
        body: from `bases.build.build_base`; strides: pixels of the input that lie between two
            columns of the map, powers of two.
    Raises: UserError where the base has no stage at one of them.
    """
    found = {}
    names = [name for name in stages_of(body.name).values() if name]
    for name in names:
        rows, _, channels = body.get_layer(name).output.shape[1:]
        stride = nearest_stride(body.inputs[0].shape[1], rows)
        before = found.get(stride)
        if before is None or channels <= WIDENED * before[1]:
            found[stride] = name, channels
    missing = [stride for stride in strides if stride not in found]
    if missing:
        known = ", ".join(map(str, sorted(found))) or "none"
        wanted = ", ".join(map(str, strides))
        advice = f"This task needs strides {wanted}: take another base, or a larger --image-size"
        raise UserError(f"{body.name} has no stage at stride {missing[0]}", f"{known}", advice)
    return {stride: found[stride][0] for stride in strides}


def nearest_stride(pixels, rows):
    """The power of two by which `pixels` became `rows`: networks without padding lose a few."""
    stride = 1
    while abs(pixels / (2 * stride) - rows) < abs(pixels / stride - rows):
        stride *= 2
    return stride
