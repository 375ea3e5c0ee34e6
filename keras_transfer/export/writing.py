"""The exports of one run: written, checked, and certified on examples that did not train it."""

import json
from pathlib import Path

import numpy as np

from keras_transfer import progress
from keras_transfer.environment import write_text
from keras_transfer.errors import UserError, unknown_name
from keras_transfer.export import FORMATS, export_model
from keras_transfer.export.certificate.examiner import FILE, Examiner, read_certificate
from keras_transfer.export.certificate.golden import choose_golden, read_golden, write_golden
from keras_transfer.export.certificate.non_inferiority import AGREE, task_of
from keras_transfer.export.readers import open_export, require
from keras_transfer.model.float32_copy import float32_copy

SAFER = {  # what to take where a format fails: larger, and nearer to the model
    "tflite-int8": "tflite-dynamic",
    "tflite-dynamic": "tflite-float16",
    "tflite-float16": "tflite",
}


def write_exports(model, spec, folder, formats, pixels, evaluation_set=None, max_drop=0.01):
    """Write `formats` into `folder`, prove each on `pixels`, certify each on `evaluation_set`.

    Args:
        model: `keras.Model`; about: `export.about.ModelSpec`.
        folder: RUN/exports; what else it holds stays.
        formats: names of `export.FORMATS`.
        pixels: uint8 (n, size, size, 3), a few examples.
        evaluation_set: `export.evaluation_set.EvaluationSet`; None where the run's examples are gone: files are
            then compared with the model on `pixels` alone.
        max_drop: of accuracy (or R2, or labels right) that a file may lose.

    Returns:
        {format: its entry in `certificate.json`}; one that failed is there, too, with `passed`
        False.

    Raises:
        UserError: see `export_model`; before anything is written where a format is unknown, or
            needs what is not there. Formats before the one that failed are whole.
    """
    check_formats(formats, evaluation_set)
    folder, float32_model = Path(folder), float32_copy(model)
    expected = np.asarray(float32_model.predict(pixels.astype(np.float32), verbose=0))
    task = task_of(spec, float32_model)
    examiner = evaluation_set and Examiner(float32_model, spec, evaluation_set, max_drop)
    if examiner:
        _record(folder, {"schema": 1, "task": spec.task, "model": examiner.examine_model()})
    entries = {}
    with progress.bar("Exporting", len(formats)) as advance:
        for name in formats:
            # whatever happens now, nobody takes the old file's certificate for the new one's
            _record(folder, {}, {name: None})
            sample = evaluation_set and evaluation_set.sample
            report = export_model(float32_model, name, folder, spec, pixels, expected, sample)
            if examiner:
                entries[name] = _examine(examiner, folder, name, report)
            else:
                path = report.pop("path")
                said = _unproven(task, name, path, pixels, expected)
                entries[name] = {"path": path.name, **report, **said}
            _record(folder, {}, entries)
            advance()
    return entries


def _examine(examiner, folder, name, report):
    """The entry of one file, its golden answers kept; failures are said."""
    path = report.pop("path")
    entry, predictions = examiner.examine(path)
    _keep_golden(examiner, folder, name, predictions)
    entry |= report
    if not entry["passed"]:
        safer = f"; the next safer format is {SAFER[name]}" if name in SAFER else ""
        progress.warn(f"{path.name} failed its certificate: it {entry['why']}{safer}")
    agreement = entry.get("encoded_bytes", {}).get("agreement", 1.0)
    if agreement < AGREE and entry["passed"]:
        progress.warn(
            f"{path.name}: from files, resized as phones do, {agreement:.1%} of the answers agree"
        )
    return entry


def _unproven(task, name, path, pixels, expected):
    """What can be said of a file without the run's examples."""
    if FORMATS[name].exact:
        return {"passed": True, "told": True, "why": "answers a few examples as the model does"}
    agreement = float(task.agreement(expected, open_export(path).predict_arrays(pixels)).mean())
    others = f"of {len(pixels)} others {agreement:.0%} agree"
    why = f"was not scored, since the run's examples are gone; {others}"
    progress.warn(f"{path.name} {why}")
    return {"passed": agreement >= AGREE, "told": False, "why": why}


def _record(folder, facts, entries=()):
    """Put facts and entries into `certificate.json`, read anew: another process may write, too.

    Entries of files that are gone go, and those that are None.
    """
    certificate = read_certificate(folder)
    files = {**certificate.pop("files", {}), **dict(entries)}
    there = {
        name: entry for name, entry in files.items() if entry and (folder / entry["path"]).exists()
    }
    text = json.dumps({**certificate, **facts, "files": there}, indent=2, allow_nan=False)
    write_text(folder / FILE, text + "\n")


def _keep_golden(examiner, folder, name, predictions):
    """Golden answers of one format; those of others stay if their examples are the same."""
    rows = choose_golden(examiner.task, examiner.evaluation_set.targets)
    pixels = examiner.evaluation_set.pixels[rows]
    before, known = read_golden(folder)
    known = known if np.array_equal(before, pixels) else {}
    told = {**known, "model": examiner.expected[rows], name: predictions[rows]}
    write_golden(folder, examiner.spec, pixels, told)


def any_size(formats):
    """The same formats for examples of any size; a UserError for one that cannot have that."""
    found = []
    for name in formats:
        if name != "saved_model" and f"{name}-any-size" not in FORMATS and name in FORMATS:
            advice = "saved_model, tflite, onnx and openvino can be"
            raise UserError(f"{name} cannot be for images of any size", "--dynamic-size", advice)
        found.append(f"{name}-any-size" if f"{name}-any-size" in FORMATS else name)
    return tuple(found)


def check_formats(formats, evaluation_set=True):
    """Refuse names that are no format, none at all, and what needs examples that are gone."""
    if not formats:
        raise UserError("no format named", "", f"Known: {', '.join(FORMATS)}")
    for name in formats:
        if name not in FORMATS:
            raise unknown_name("export format", name, FORMATS)
        if FORMATS[name].calibrated and evaluation_set is None:
            advice = "Name them with --data, or in Python with export(..., data=)"
            raise UserError(f"{name} needs training examples, and the run's are gone", "", advice)
        if FORMATS[name].extra:
            require(FORMATS[name].extra)
