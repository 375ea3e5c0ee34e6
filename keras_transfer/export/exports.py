"""The exports of one run: written, checked, and certified on pictures that did not train it."""

import json
from pathlib import Path

import numpy as np

from keras_transfer import progress
from keras_transfer.errors import UserError, unknown_name
from keras_transfer.export import FORMATS, export_model
from keras_transfer.export.aside import write_text
from keras_transfer.export.certificate import FILE, Examiner, read_certificate
from keras_transfer.export.golden import choose_golden, read_golden, write_golden
from keras_transfer.export.readers import open_export
from keras_transfer.export.twin import float32_twin

SAFER = {  # what to take where a format fails: larger, and nearer to the model
    "tflite-int8": "tflite-dynamic",
    "tflite-dynamic": "tflite-float16",
    "tflite-float16": "tflite",
}


def write_exports(model, about, folder, formats, pixels, evidence=None, max_drop=0.01):
    """Write `formats` into `folder`, prove each on `pixels`, certify each on `evidence`.

    Args:
        model: `keras.Model`; about: `export.about.About`.
        folder: RUN/exports; what else it holds stays.
        formats: names of `export.FORMATS`.
        pixels: uint8 (n, size, size, 3), a few pictures.
        evidence: `export.evidence.Evidence`; None where the run's pictures are gone: files are
            then compared with the model on `pixels` alone.
        max_drop: of accuracy (or R2, or labels right) that a file may lose.

    Returns:
        {format: its entry in `certificate.json`}; one that failed its certificate is there, too,
        with `passed` False.

    Raises:
        UserError: see `export_model`; before anything is written where a format is unknown, or
            needs pictures that are gone.
    """
    check_formats(formats, evidence)
    twin = float32_twin(model)
    expected = np.asarray(twin.predict(pixels.astype(np.float32), verbose=0))
    sample = None if evidence is None else evidence.sample
    found = {}
    with progress.bar("Exporting", len(formats)) as advance:
        for name in formats:
            found[name] = export_model(twin, name, folder, about, pixels, expected, sample)
            advance()
    return _certify(twin, about, Path(folder), found, evidence, max_drop)


def _certify(twin, about, folder, found, evidence, max_drop):
    """Measure the files, keep `certificate.json` and the golden files; {format: entry}."""
    certificate = read_certificate(folder)
    entries = {}
    if evidence is None:
        entries = {name: {**facts, "path": facts["path"].name} for name, facts in found.items()}
    else:
        examiner = Examiner(twin, about, evidence, max_drop)
        certificate |= examiner.preamble()
        with progress.bar("Certifying exports", len(found)) as advance:
            for name, facts in found.items():
                own = {key: value for key, value in facts.items() if key != "path"}
                entries[name] = {**examiner.examine(facts["path"]), **own}
                _say_failure(name, entries[name])
                advance()
        _keep_golden(examiner, folder, found)
    files = {**certificate.pop("files", {}), **entries}
    there = {name: entry for name, entry in files.items() if (folder / entry["path"]).exists()}
    write_text(folder / FILE, json.dumps({**certificate, "files": there}, indent=2) + "\n")
    return entries


def _say_failure(name, entry):
    if not entry["passed"]:
        safer = f"; the next safer format is {SAFER[name]}" if name in SAFER else ""
        progress.warn(f"{entry['path']} failed its certificate: it {entry['why']}{safer}")


def _keep_golden(examiner, folder, found):
    """Golden files of the formats `found`; those of others stay if their pictures are the same."""
    rows = choose_golden(examiner.task, examiner.evidence.targets)
    pixels = examiner.evidence.pixels[rows]
    before, answers = read_golden(folder)
    answers = answers if np.array_equal(before, pixels) else {}
    answers["model"] = examiner.expected[rows]
    for name, facts in found.items():
        answers[name] = open_export(facts["path"]).answers(pixels)
    write_golden(folder, examiner.about, pixels, answers)


def any_size(formats):
    """The same formats for pictures of any size; a UserError for one that cannot have that."""
    found = []
    for name in formats:
        if name != "saved_model" and f"{name}-any-size" not in FORMATS and name in FORMATS:
            advice = "saved_model, tflite, onnx and openvino can be"
            raise UserError(f"{name} cannot be for pictures of any size", "--dynamic-size", advice)
        found.append(f"{name}-any-size" if f"{name}-any-size" in FORMATS else name)
    return tuple(found)


def check_formats(formats, evidence=True):
    """Refuse names that are no format, none at all, and what needs pictures that are gone."""
    if not formats:
        raise UserError("no format named", "", f"Known: {', '.join(FORMATS)}")
    for name in formats:
        if name not in FORMATS:
            raise unknown_name("export format", name, FORMATS)
        if FORMATS[name].calibrated and evidence is None:
            advice = "Name them with --data"
            raise UserError(f"{name} needs training pictures, and the run's are gone", "", advice)
