"""Golden files: a few examples with what each export predicts, for an app's own tests."""

import json
from pathlib import Path

import numpy as np

from keras_transfer.environment import atomic_write
from keras_transfer.inputs.common.arrays import as_tuple, count, each, take

FOLDER = "golden"
GOLDEN_FILE = "golden.json"
UNSURE_NOTE = (
    "A prediction whose confidence (the probability of the predicted class; of several labels that "
    "of the least certain decision) is below unsure_below is better shown as unsure: at or above "
    "it about as many are wrong as --error-rate allows, or fewer. null: no confidence is enough."
)
GOLDEN = 8  # examples that are kept beside a file


def keep_golden(examiner, folder, name, exported):
    """Keep golden outputs of one format; those of others stay if the examples are the same.

    Args:
        name: of the format; exported: the Exported of its file.
    """
    task, drawn = examiner.network.task, examiner.evaluation_set
    chosen = task.golden(drawn.targets, GOLDEN)
    inputs = take(drawn.inputs, chosen)
    before, known = read_golden(folder)
    same = before is not None and all(
        np.array_equal(one, other)
        for one, other in zip(as_tuple(before), as_tuple(inputs), strict=True)
    )
    known = known if same else {}
    found = {"model": take(examiner.expected, chosen), name: examiner.predictions(exported, inputs)}
    write_golden(folder, examiner.network, inputs, {**known, **found})


def write_golden(folder, network, inputs, predictions):
    """Write `golden.json`, `golden.npz` and, where the modality has one, a file an example.

    `golden.json` has {"task", "classes", what goes in, "unsure_below" (see UNSURE_NOTE),
    "examples": [{"file", "predictions": {"model": [...], FORMAT: [...]}}]}, of predictions that are
    no rows of numbers what `predict` gives; `golden.npz` the inputs by their names and, under the
    name of each format, the parts of its predictions (NAME/PART).

    Args:
        network: `export.common.network.Network`.
        inputs: arrays (n, ...); predictions: {"model" or format: arrays (n, ...)}.
    """
    spec, task = network.spec, network.task
    with atomic_write(Path(folder) / FOLDER) as fresh:
        fresh.mkdir()
        examples = []
        for place in range(count(inputs)):
            file = network.modality.save_golden(take(inputs, place), fresh / str(place + 1))
            parts = {form: take(found, place) for form, found in predictions.items()}
            shown = {form: _shown(task, prediction) for form, prediction in parts.items()}
            examples.append({"file": file, "predictions": shown})
        content = {"task": spec.task, "classes": list(spec.outputs), **spec.inputs.settings}
        if "unsure" in spec.thresholds:
            content["unsure_below"] = spec.thresholds["unsure"]
            content["unsure_note"] = UNSURE_NOTE
        text = json.dumps({**content, "examples": examples}, indent=1)
        (fresh / GOLDEN_FILE).write_text(text, encoding="utf-8")
        named = zip((tensor.name for tensor in spec.inputs.tensors), as_tuple(inputs), strict=True)
        arrays = {f"input/{name}": array for name, array in named}
        for form, found in predictions.items():
            parts = as_tuple(found)
            names = task.output_names if task.tabular else range(len(parts))
            named = zip(names, parts, strict=True)
            arrays |= {f"{form}/{name}": array for name, array in named}
        np.savez_compressed(fresh / "golden.npz", **arrays)


def _shown(task, prediction):
    """One prediction as JSON takes it: as `predict` gives it, or numbers with six digits."""
    if not task.tabular:
        return task.to_json(prediction)
    flat = each(lambda array: np.asarray(array, np.float64), prediction)
    lists = [json.loads(json.dumps(a.tolist()), parse_float=_short) for a in as_tuple(flat)]
    return lists[0] if len(lists) == 1 else lists


def _short(text):
    return float(f"{float(text):.6g}")


def read_golden(folder):
    """(inputs, {format: predictions}) of `folder`/golden; (None, {}) where there is none."""
    file = Path(folder) / FOLDER / "golden.npz"
    if not file.exists():
        return None, {}
    found = {}
    with np.load(file) as kept:
        for name in kept.files:
            form, _ = name.split("/", 1)
            found.setdefault(form, []).append(kept[name])
    found = {form: parts[0] if len(parts) == 1 else tuple(parts) for form, parts in found.items()}
    return found.pop("input"), found
