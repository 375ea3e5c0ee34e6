"""A trained model that takes raw examples and predicts names."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from keras_transfer import progress
from keras_transfer.backend import load_tensorflow
from keras_transfer.data.dataset import encode_labels
from keras_transfer.data.examples import WORKERS, check_skipped, read_examples
from keras_transfer.data.sources.specs import read_source
from keras_transfer.errors import ExampleError, UserError
from keras_transfer.evaluate.splits import score_splits
from keras_transfer.evaluate.unsure import is_unsure
from keras_transfer.export import find_export, open_export
from keras_transfer.inputs import find_modality
from keras_transfer.inputs.common.arrays import count, stack, take
from keras_transfer.model.keras_file import load_keras_file
from keras_transfer.run.roles import ROLES, read_roles
from keras_transfer.run.unlike_training import read_unlike_training
from keras_transfer.runtimes.batching import BATCH_SIZE, predict_examples
from keras_transfer.runtimes.keras import KerasRuntime
from keras_transfer.runtimes.postprocessed import Postprocessed
from keras_transfer.tasks import load_task


@dataclass(frozen=True)
class Predictor:
    """A model, and what it takes and gives.

    Attributes:
        runtime: inputs (n, ...) -> predictions (n, ...).
        spec: `model.spec.ModelSpec`.
        model: `keras.Model`, raw inputs in, predictions out; None for an exported file.
        learned: {sha256: role} of the examples that trained it or selected something; empty where
            the model's file stands alone.
        unlike_training: what compares examples with those that trained the model
            (`run.unlike_training.UnlikeTraining`); None where the model's file stands alone, or of
            an exported file.
    """

    runtime: Any
    spec: Any
    model: Any = None
    learned: dict = field(default_factory=dict, repr=False)
    unlike_training: Any = field(default=None, repr=False)

    @classmethod
    def load(cls, path):
        """From a run folder, a `.keras` file, or an exported file (see `export.open_export`)."""
        file = model_file(path)
        if file.suffix == ".keras":
            model, spec = load_keras_file(file)
            unlike = read_unlike_training(file.parent, model, spec)
            runtime = Postprocessed(KerasRuntime(model), load_task(spec))
            return cls(runtime, spec, model, read_roles(file.parent), unlike)
        exported = open_export(file)
        if exported.spec is None:
            advice = "Only files that keras_transfer exported can be used here"
            raise UserError("this file does not say what its outputs mean", file, advice)
        # an export lies in RUN/exports, or in a folder of its own there
        above = [place for place in file.resolve().parents[:3] if (place / "run.json").is_file()]
        learned = read_roles(above[0]) if above else {}
        runtime = Postprocessed(exported.runtime, load_task(exported.spec))
        return cls(runtime, exported.spec, None, learned)

    @property
    def task(self):
        return load_task(self.spec)

    @property
    def modality(self):
        return find_modality(self.spec.inputs.modality)

    def with_settings(self, **settings):
        """The same with other settings of its inputs, those that are not None."""
        wanted = {name: value for name, value in settings.items() if value is not None}
        inputs = self.spec.inputs
        for name in wanted:
            if name not in inputs.settings:
                raise UserError("this model has no such setting", f"--{name.replace('_', '-')}")
        inputs = inputs._replace(settings={**inputs.settings, **wanted})
        return replace(self, spec=self.spec._replace(inputs=inputs))

    def predict_arrays(self, inputs):
        """Predictions (n, ...) for arrays as the model takes them."""
        return self.runtime(inputs)

    def predict(self, paths, top=5, write=None):
        """A list of dicts, one a file, in the order of `find_examples(paths)`.

        Each has `path` and either `error`, or `predicted` and what the task's `to_json` gives: the
        `probabilities` of the `top` likeliest, or `values`. Where the model can tell: `unsure`,
        whether more predictions of such a confidence are wrong than was wanted, and
        `unlike_training`, whether the example is unlike those that it learned from.

        Args:
            write: function (file, prediction, geometry) that is called for each; see
                `run.drawn_files`.
        """
        files = find_examples(paths, self.modality)
        load_tensorflow()  # before the bar: stderr is held back meanwhile
        results = []
        with progress.bar("Predicting", len(files)) as advance:
            for start in range(0, len(files), BATCH_SIZE):
                part = files[start : start + BATCH_SIZE]
                results += self._predict_batch(part, top, write)
                advance(len(part))
        return results

    def _predict_batch(self, files, top, write):
        def load(file):
            try:
                return self.modality.load(file, self.spec.inputs)
            except ExampleError as error:
                return str(error)

        with ThreadPoolExecutor(WORKERS) as pool:
            loaded = list(pool.map(load, files))
        good = [one.arrays for one in loaded if not isinstance(one, str)]
        found, results = iter(self._judged(stack(good)) if good else ()), []
        for file, one in zip(files, loaded, strict=True):
            if isinstance(one, str):
                results.append({"path": str(file), "error": one})
                continue
            prediction, *remarks = next(found)
            shown = self._shown(prediction, *remarks, top, one.geometry)
            results.append({"path": str(file), **shown})
            if write is not None:
                write(file, prediction, one.geometry)
        return results

    def _judged(self, inputs):
        """(prediction, whether it is unsure, whether the example is unlike training) of each.

        The last two are None where the model cannot tell.
        """
        predictions, unlike = (
            self.unlike_training(inputs) if self.unlike_training else (self.runtime(inputs), None)
        )
        unsure, thresholds = None, self.spec.thresholds
        if "unsure" in thresholds:
            unsure = is_unsure(self.task.confidence(predictions), thresholds["unsure"])
        for place in range(count(inputs)):
            remarks = (None if one is None else bool(one[place]) for one in (unsure, unlike))
            yield take(predictions, place), *remarks

    def _shown(self, prediction, unsure, unlike, top, geometry):
        """One prediction as `predict` gives it."""
        task, remarks = self.task, {"unsure": unsure, "unlike_training": unlike}
        remarks = {name: remark for name, remark in remarks.items() if remark is not None}
        return {
            "predicted": task.decode(prediction),
            **task.to_json(prediction, top, geometry),
            **remarks,
        }

    def evaluate(self, data, max_skipped=0.05, seed=0):
        """The `splits` of metrics.json for any SPEC whose labels the model knows.

        A split with examples that trained the model, or selected something, is
        `used_for_selection`, and a warning says how many they are.
        """
        task = self.task
        source = read_source(data, task.name, self.spec.inputs.modality)
        examples = read_examples(source, self.spec.inputs)
        check_skipped(examples, max_skipped)
        labels = task.align(list(examples.table["label"]), source.numbers)
        task.check_known(labels)
        targets = encode_labels(task, examples, labels)
        predictions = predict_examples(
            self.runtime, examples, np.arange(len(examples)), "Evaluating"
        )
        used = self._name_learned(examples.table)
        thresholds = self.spec.thresholds
        return score_splits(task, examples.table, targets, predictions, used, seed, thresholds)

    def _name_learned(self, table):
        """Splits with examples that the model learned from; a warning for each."""
        roles = table["sha256"].map(self.learned)
        for split in sorted(set(table["split"][roles.notna()])):
            inside = roles[table["split"] == split]
            counts = [f"{n} {ROLES[role]}" for role, n in inside.value_counts().items()]
            where = f"of the {len(inside)} examples" + (f" of {split}" if split else "")
            progress.warn(
                f"{where} {' and '.join(counts)}: their score says little about new examples"
            )
        return {split or "all" for split in table["split"][roles.notna()]}


def model_file(path):
    """The `.keras` file that `path` (a run folder or the file itself) names, or an export."""
    path = Path(path)
    if (path / "model.keras").is_file():
        return path / "model.keras"
    if find_export(path) or (path.is_file() and path.suffix == ".keras"):
        return path
    advice = "Name a run folder, a .keras file or an exported file"
    raise UserError("no model here", path, advice)


def find_examples(paths, modality):
    """Files that `paths` (files, folders, patterns) name, each once, sorted within each.

    Args:
        modality: gives the endings of the files that are looked for in folders.
    """
    files = {}
    for path in paths:
        text, path = str(path), Path(path)
        if path.is_dir():
            inside = (f for f in path.rglob("*") if f.suffix.lower() in modality.endings)
            found = sorted(f for f in inside if f.is_file())
        elif path.is_file():
            found = [path]
        else:
            found = _glob(text)
        if not found:
            advice = "Name files, folders or a pattern like a/*.jpg"
            raise UserError(f"no {modality.name}s here", text, advice)
        files |= dict.fromkeys(found)
    return list(files)


def _glob(pattern):
    import glob

    found = sorted(glob.glob(pattern, recursive=True))
    return [Path(f) for f in found if Path(f).is_file()]
