"""The stages of each family: (stage, name of its last layer), from the pixels to the features.

The last layer of a stage is a clean cut: nothing at or before it feeds what comes after except
through it. The names are those of the applications in Keras 3.15.1, counted from a fresh session
where Keras numbers them itself; tests/test_bases.py holds that they exist and cut cleanly.
"""

_VGG = tuple((f"block{number}", f"block{number}_pool") for number in range(1, 6))

_XCEPTION = (
    ("block1", "block1_conv2_act"),
    ("block2", "add"),
    *((f"block{number}", f"add_{number - 2}") for number in range(3, 14)),
    ("block14", "block14_sepconv2_act"),
)

_INCEPTION_V3 = (
    ("stem", "max_pooling2d_1"),
    *((f"mixed{number}", f"mixed{number}") for number in range(11)),
)

_INCEPTION_RESNET_V2 = (
    ("stem", "max_pooling2d_1"),
    ("mixed_5b", "mixed_5b"),
    ("block35", "block35_10_ac"),
    ("mixed_6a", "mixed_6a"),
    ("block17", "block17_20_ac"),
    ("mixed_7a", "mixed_7a"),
    ("block8", "custom_scale_layer_39"),
    ("top", "conv_7b_ac"),
)

_MOBILENET = (
    ("conv1", "conv1_relu"),
    *((f"block{number}", f"conv_pw_{number}_relu") for number in range(1, 14)),
)

_DENSENET = (
    ("conv1", "pool1"),
    ("conv2", "pool2_pool"),
    ("conv3", "pool3_pool"),
    ("conv4", "pool4_pool"),
    ("conv5", "relu"),
)

_MOBILENET_V2_ADDS = {2, 4, 5, 7, 8, 9, 11, 12, 14, 15}  # blocks that add their input
_MOBILENET_V2 = (
    ("Conv1", "Conv1_relu"),
    ("expanded_conv", "expanded_conv_project_BN"),
    *(
        (f"block_{n}", f"block_{n}_{'add' if n in _MOBILENET_V2_ADDS else 'project_BN'}")
        for n in range(1, 17)
    ),
    ("Conv_1", "out_relu"),
)


def _resnet(conv3, conv4, last="conv5_block3_out"):
    """ResNet (arXiv:1512.03385, table 1) by the blocks in its third and fourth stage."""
    return (
        ("conv1", "pool1_pool"),
        ("conv2", "conv2_block3_out"),
        ("conv3", f"conv3_block{conv3}_out"),
        ("conv4", f"conv4_block{conv4}_out"),
        ("conv5", last),
    )


def _mobilenet_v3(blocks, adds, last):
    """MobileNetV3 (arXiv:1905.02244, tables 1 and 2); `adds`: the blocks that add their input."""
    names = ["expanded_conv", *(f"expanded_conv_{number}" for number in range(1, blocks))]
    ends = ["add" if number in adds else "project_bn" for number in range(blocks)]
    inner = ((name, f"{name}_{end}") for name, end in zip(names, ends, strict=True))
    return (("conv", "activation"), *inner, ("conv_1", last))


def _nasnet(last):
    """NASNet (arXiv:1707.07012): each cell reads the two before it, so nothing between cuts."""
    return (("stem", "stem_bn1"), ("cells", last))


def _efficientnet(*repeats, single="project_bn"):
    """EfficientNet by its blocks a stage; a stage of one block ends in its layer `single`."""
    ends = (f"{chr(ord('a') + count - 1)}_add" if count > 1 else f"a_{single}" for count in repeats)
    inner = ((f"block{number}", f"block{number}{end}") for number, end in enumerate(ends, start=1))
    return (("stem", "stem_activation"), *inner, ("top", "top_activation"))


def _convnext(size, *blocks):
    """ConvNeXt (arXiv:2201.03545) by its blocks a stage; each block ends in an addition."""
    counts = (sum(blocks[: stage + 1]) for stage in range(len(blocks)))
    inner = ((f"stage_{s}", f"add_{count - 1}") for s, count in enumerate(counts))
    stem = ("stem", f"convnext_{size}_stem_layernorm")
    return (stem, *inner, ("top", "layer_normalization"))


_MOBILENET_V3_SMALL = _mobilenet_v3(11, {2, 4, 5, 7, 9, 10}, "activation_17")
_MOBILENET_V3_LARGE = _mobilenet_v3(15, {0, 2, 4, 5, 7, 8, 9, 11, 13, 14}, "activation_19")

STAGES = {  # base: its stages
    "vgg16": _VGG,
    "vgg19": _VGG,
    "resnet50": _resnet(4, 6),
    "resnet101": _resnet(4, 23),
    "resnet152": _resnet(8, 36),
    "resnet50_v2": _resnet(4, 6, "post_relu"),
    "resnet101_v2": _resnet(4, 23, "post_relu"),
    "resnet152_v2": _resnet(8, 36, "post_relu"),
    "xception": _XCEPTION,
    "inception_v3": _INCEPTION_V3,
    "inception_resnet_v2": _INCEPTION_RESNET_V2,
    "mobilenet": _MOBILENET,
    "mobilenet_0.75": _MOBILENET,
    "mobilenet_0.50": _MOBILENET,
    "mobilenet_0.25": _MOBILENET,
    "mobilenet_v2": _MOBILENET_V2,
    "mobilenet_v2_1.40": _MOBILENET_V2,
    "mobilenet_v2_1.30": _MOBILENET_V2,
    "mobilenet_v2_0.75": _MOBILENET_V2,
    "mobilenet_v2_0.50": _MOBILENET_V2,
    "mobilenet_v2_0.35": _MOBILENET_V2,
    "mobilenet_v3_small": _MOBILENET_V3_SMALL,
    "mobilenet_v3_small_0.75": _MOBILENET_V3_SMALL,
    "mobilenet_v3_large": _MOBILENET_V3_LARGE,
    "mobilenet_v3_large_0.75": _MOBILENET_V3_LARGE,
    "densenet121": _DENSENET,
    "densenet169": _DENSENET,
    "densenet201": _DENSENET,
    "nasnet_mobile": _nasnet("activation_187"),
    "nasnet_large": _nasnet("activation_259"),
    "efficientnet_b0": _efficientnet(1, 2, 2, 3, 3, 4, 1),
    "efficientnet_b1": _efficientnet(2, 3, 3, 4, 4, 5, 2),
    "efficientnet_b2": _efficientnet(2, 3, 3, 4, 4, 5, 2),
    "efficientnet_b3": _efficientnet(2, 3, 3, 5, 5, 6, 2),
    "efficientnet_b4": _efficientnet(2, 4, 4, 6, 6, 8, 2),
    "efficientnet_b5": _efficientnet(3, 5, 5, 7, 7, 9, 3),
    "efficientnet_b6": _efficientnet(3, 6, 6, 8, 8, 11, 3),
    "efficientnet_b7": _efficientnet(4, 7, 7, 10, 10, 13, 4),
    "efficientnet_v2_b0": _efficientnet(1, 2, 2, 3, 5, 8, single="project_activation"),
    "efficientnet_v2_b1": _efficientnet(2, 3, 3, 4, 6, 9),
    "efficientnet_v2_b2": _efficientnet(2, 3, 3, 4, 6, 10),
    "efficientnet_v2_b3": _efficientnet(2, 3, 3, 5, 7, 12),
    "efficientnet_v2_s": _efficientnet(2, 4, 4, 6, 9, 15),
    "efficientnet_v2_m": _efficientnet(3, 5, 5, 7, 14, 18, 5),
    "efficientnet_v2_l": _efficientnet(4, 7, 7, 10, 19, 25, 7),
    "convnext_tiny": _convnext("tiny", 3, 3, 9, 3),
    "convnext_small": _convnext("small", 3, 3, 27, 3),
    "convnext_base": _convnext("base", 3, 3, 27, 3),
    "convnext_large": _convnext("large", 3, 3, 27, 3),
    "convnext_xlarge": _convnext("xlarge", 3, 3, 27, 3),
    "efficientnet_lite0": _efficientnet(1, 2, 2, 3, 3, 4, 1),
    "efficientnet_lite1": _efficientnet(1, 3, 3, 4, 4, 5, 1),
    "efficientnet_lite2": _efficientnet(1, 3, 3, 4, 4, 5, 1),
    "conv4": tuple((f"block{number}", f"block{number}_pool") for number in range(1, 5)),
}
