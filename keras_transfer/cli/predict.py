"""`keras-transfer predict`: predictions for files."""

import csv
import json
import sys
from dataclasses import dataclass
from typing import Literal

import tyro

from keras_transfer.cli.command import BELOW_BAR, DONE, Talk, run_guarded

REMARKS = {"unsure": "unsure", "unlike_training": "unlike training"}  # key: what the table says


@dataclass(frozen=True, kw_only=True)
class PredictArguments(Talk):
    """Predict for files. What cannot be read is listed beside the predictions."""

    paths: tyro.conf.Positional[tuple[str, ...]]
    """Files, folders (searched through), or patterns like 'photos/*.jpg'."""
    model: str
    """A run folder, a .keras file, or an export: a SavedModel folder, .tflite, .onnx, .xml."""
    top: int = 3
    """How many of the likeliest names to give."""
    format: Literal["table", "csv", "json", "jsonl"] = "table"
    """How to print the predictions; of boxes csv has a row each."""
    overlay: str | None = None
    """A new folder for the images with boxes or classes drawn into them."""
    masks: str | None = None
    """A new folder for masks, of a segmentation: PNG files with a number a pixel."""
    max_pixels: int | None = None
    """An image with more pixels than this is skipped; by default as in training."""


def main(arguments=None):
    """Parse, predict, print; returns the exit code."""

    def work(asked):
        from keras_transfer.errors import UserError
        from keras_transfer.run.drawn_files import DrawnFiles
        from keras_transfer.run.predictor import Predictor

        if not asked.paths:
            raise UserError("no files named", "", "Name files, folders or patterns")
        if asked.top < 1:
            raise UserError("--top must be at least 1", asked.top)
        predictor = Predictor.load(asked.model).with_settings(max_pixels=asked.max_pixels)
        write = None
        if asked.overlay is not None or asked.masks is not None:
            write = DrawnFiles(predictor, asked.paths, asked.overlay, asked.masks)
        results = predictor.predict(asked.paths, asked.top, write)
        PRINTERS["json" if asked.json else asked.format](results)
        return BELOW_BAR if all("error" in result for result in results) else DONE

    return run_guarded(work, PredictArguments, "keras-transfer predict", arguments)


def _print_json(results):
    print(json.dumps(results, indent=2, ensure_ascii=False))


def _print_json_lines(results):
    for result in results:
        print(json.dumps(result, ensure_ascii=False))


def _print_csv(results):
    """One row an image; a top of three makes the columns name_1, p_1, name_2, ...

    Of boxes a row each, and one without numbers for an image that has none: a table to train on.
    """
    if any("boxes" in result for result in results):
        return _print_boxes(results)
    writer = csv.writer(sys.stdout)
    most = max(len(_pairs(result)) for result in results)
    columns = [f"{column}_{place}" for place in range(1, most + 1) for column in ("name", "p")]
    writer.writerow(["path", "predicted", *columns, *REMARKS, "error"])
    for result in results:
        flat = [value for pair in _pairs(result) for value in pair]
        flat += [""] * (2 * most - len(flat))
        flat += [result.get(remark, "") for remark in REMARKS]
        writer.writerow([result["path"], result.get("predicted", ""), *flat, result.get("error")])


def _print_boxes(results):
    writer = csv.writer(sys.stdout)
    writer.writerow(["path", "label", "xmin", "ymin", "xmax", "ymax", "score", "error"])
    for result in results:
        for one in result.get("boxes") or [{"label": "", "box": [""] * 4, "score": ""}]:
            row = [result["path"], one["label"], *one["box"], one["score"], result.get("error")]
            writer.writerow(row)


def _print_table(results):
    from rich.table import Table

    from keras_transfer.report.render import render

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("file", "predicted", "how sure", ""):
        table.add_column(column, overflow="fold")
    for result in results:
        if "error" in result:
            table.add_row(result["path"], "-", f"cannot be read: {result['error']}")
            continue
        sure = "  ".join(f"{name} {value:.3f}" for name, value in _pairs(result))
        remarks = [text for remark, text in REMARKS.items() if result.get(remark)]
        table.add_row(result["path"], result["predicted"], sure, ", ".join(remarks))
    print(render(table, 160))


def _pairs(result):
    """(name, number) of a prediction that is a row of numbers; nothing of others."""
    return [pair for value in result.values() if isinstance(value, dict) for pair in value.items()]


PRINTERS = {
    "table": _print_table,
    "csv": _print_csv,
    "json": _print_json,
    "jsonl": _print_json_lines,
}
