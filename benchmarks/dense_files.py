"""What the files of a detector or a segmentation lose, and what MediaPipe makes of them.

    python benchmarks/dense.py --folder runs ...
    python benchmarks/dense_files.py runs/bccd_voc-feature_extraction-0 ...

Scores are those of the run's certificate, on examples that selected nothing. MediaPipe has the
images at the model's size, and gives its own boxes or masks; its threshold is 0.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from measuring import evaluation_set_of, keep, kept

import keras_transfer as kt
from keras_transfer.export import find_format, formats

SERVERS = ("saved_model", "onnx", "openvino")
PHONES = ("tflite", "tflite-float16", "tflite-int8")
DETECTIONS = 100  # an image, as COCO counts them


def main(*folders):
    for folder in folders:
        # a process a run: files and sessions of one are gone before the next
        command = [sys.executable, __file__, "one", folder]
        subprocess.run(command, check=True, env=dict(os.environ))
    print(table(kept("dense_files")["found"]))


def measure_one(folder):
    """Export a run in every format and keep what the files score."""
    run = kt.Run.open(folder)
    task = run.predictor.task
    finished = () if task.has_masks else [f"{form}-nms" for form in PHONES]
    names = [name for name in (*SERVERS, *PHONES, *finished) if name in formats()]
    entries = run.export(*names, max_drop=1.0)
    headline = task.headline
    examples = evaluation_set_of(run)
    model = task.score(examples.targets, run.predictor.predict_arrays(examples.inputs))
    files = {}
    for name in names:
        files[name] = {
            "bytes": entries[name]["bytes"],
            "scores": values(task, entries[name]["same_inputs"], [headline]),
        }
        if name.startswith("tflite"):
            path = Path(folder) / "exports" / find_format(name).file_name
            found = (masks_of if task.has_masks else boxes_of)(path, examples.inputs, run.classes)
            score = task.score(examples.targets, found)
            files[name]["mediapipe"] = values(task, score, [headline, *task.shown_scores[:1]])
    known = kept("dense_files").get("found", {})
    known[Path(folder).name] = {
        "split": examples.split,
        "model": values(task, model, [headline, *task.shown_scores[:1]]),
        "files": files,
    }
    keep("dense_files", {"found": known}, show=False)


def values(task, scores, names):
    return {name: scores[name]["value"] for name in names}


def media_images(inputs):
    import mediapipe

    for pixels in inputs:
        pixels = np.ascontiguousarray(pixels)
        yield mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=pixels)


def boxes_of(path, inputs, classes):
    """What MediaPipe's ObjectDetector finds, as predictions of the task."""
    from mediapipe.tasks.python import BaseOptions, vision

    count, height, width = inputs.shape[:3]
    boxes = np.zeros((count, DETECTIONS, 4), np.float32)
    scores = np.zeros((count, DETECTIONS), np.float32)
    numbers = np.full((count, DETECTIONS), -1, np.int32)
    base = BaseOptions(model_asset_path=str(path))
    options = vision.ObjectDetectorOptions(base, max_results=DETECTIONS)
    sides = np.array([width, height, width, height])
    with vision.ObjectDetector.create_from_options(options) as detector:
        for row, image in enumerate(media_images(inputs)):
            found = sorted(detector.detect(image).detections, key=lambda d: -d.categories[0].score)
            for place, one in enumerate(found):
                box, kind = one.bounding_box, one.categories[0]
                right, bottom = box.origin_x + box.width, box.origin_y + box.height
                boxes[row, place] = np.array([box.origin_x, box.origin_y, right, bottom]) / sides
                scores[row, place] = kind.score
                numbers[row, place] = classes.index(kind.category_name)
    return boxes, scores, numbers


def masks_of(path, inputs, classes):
    """The class of each pixel by MediaPipe's ImageSegmenter."""
    from mediapipe.tasks.python import BaseOptions, vision

    base = BaseOptions(model_asset_path=str(path))
    options = vision.ImageSegmenterOptions(base, output_category_mask=True)
    with vision.ImageSegmenter.create_from_options(options) as segmenter:
        assert tuple(segmenter.labels) == tuple(classes)
        found = [
            segmenter.segment(image).category_mask.numpy_view().squeeze().copy()
            for image in media_images(inputs)
        ]
    return np.stack(found)


def table(found):
    """A row for each format: what it loses of the model's score, by itself and by MediaPipe."""
    lines = ["| run | file | MB | lost | by MediaPipe |", "|---|---|---|---|---|"]
    for run, entry in found.items():
        (headline, own), *_ = entry["model"].items()
        for name, file in entry["files"].items():
            lost = own - file["scores"][headline]
            theirs = file.get("mediapipe")
            theirs = f"{own - theirs[headline]:.4f}" if theirs else ""
            size = f"{file['bytes'] / 1e6:.1f}"
            lines.append(f"| {run} | {name} | {size} | {headline} {lost:.4f} | {theirs} |")
    return "\n".join(lines)


if __name__ == "__main__":
    if sys.argv[1:2] == ["one"]:
        measure_one(sys.argv[2])
    else:
        main(*sys.argv[1:])
