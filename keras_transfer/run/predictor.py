"""A trained model that takes examples and answers with names."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from keras_transfer import progress
from keras_transfer.data.examples import WORKERS, check_skipped, read_examples
from keras_transfer.data.sources.specs import read_source
from keras_transfer.errors import ExampleError, UserError
from keras_transfer.evaluate.splits import score_splits
from keras_transfer.export.readers import IN_A_FOLDER, READERS, open_export
from keras_transfer.inputs.image.reading import IMAGE_ENDINGS, load_image
from keras_transfer.model.keras_file import load_keras_file
from keras_transfer.run.roles import ROLES, read_roles
from keras_transfer.runtimes.engines import BATCH, keras_engine, run_batches, stream
from keras_transfer.tasks import find_task


@dataclass(frozen=True)
class Predictor:
    """A model and what its answers mean.

    Attributes:
        engine: function of pixels (n, size, size, 3), at most BATCH -> answers float32 (n, k).
        spec: `export.about.ModelSpec`.
        model: `keras.Model`, pixels in, answers out; None for an exported file.
        learned: {sha256: role} of the examples that trained it or chose something; empty where
            the model's file stands alone.
    """

    engine: object
    spec: object
    model: object = None
    learned: dict = field(default_factory=dict, repr=False)

    @classmethod
    def load(cls, path):
        """From a run folder, a `.keras` file, or an exported file (see `open_export`)."""
        file = model_file(path)
        if file.suffix == ".keras":
            model, spec = load_keras_file(file)
            return cls(keras_engine(model, BATCH), spec, model, read_roles(file.parent))
        reader = open_export(file)
        if reader.spec is None:
            advice = "Only files that keras_transfer exported can be used here"
            raise UserError("this file does not say what its outputs mean", file, advice)
        spec = reader.spec._replace(image_size=reader.size or reader.spec.image_size)
        # an export lies in RUN/exports, or in a folder of its own there
        above = [place for place in file.resolve().parents[:3] if (place / "run.json").is_file()]
        learned = read_roles(above[0]) if above else {}
        return cls(
            lambda pixels: reader.predict_arrays(np.asarray(pixels, np.uint8)), spec, None, learned
        )

    @property
    def task(self):
        return find_task(self.spec.task).from_outputs(self.spec.outputs)

    def predict_arrays(self, pixels):
        """Answers float32 (n, outputs) to pixels uint8 (n, size, size, 3)."""
        return run_batches(self.engine, pixels)

    def predict(self, paths, top=5, max_pixels=200_000_000):
        """A list of dicts, one an example file, in the order of `find_examples(paths)`.

        Each has `path` and either `error` or `predicted` and `probabilities` (the `top` most
        likely, {name: probability}; for a regression `values`, all of them).
        """
        files = find_examples(paths)
        results = []
        with progress.bar("Predicting", len(files)) as advance:
            for start in range(0, len(files), BATCH):
                part = files[start : start + BATCH]
                results += self._predict_batch(part, top, max_pixels)
                advance(len(part))
        return results

    def _predict_batch(self, files, top, max_pixels):
        def load(file):
            try:
                return load_image(file, self.spec.image_size, self.spec.resize, max_pixels)
            except ExampleError as error:
                return str(error)
            except OSError as error:
                return error.strerror

        with ThreadPoolExecutor(WORKERS) as pool:
            loaded = list(pool.map(load, files))
        good = [pixels for pixels in loaded if not isinstance(pixels, str)]
        predictions = iter(self.predict_arrays(np.stack(good)) if good else ())
        return [
            {"path": str(file), "error": pixels}
            if isinstance(pixels, str)
            else {"path": str(file), **self._read(next(predictions), top)}
            for file, pixels in zip(files, loaded, strict=True)
        ]

    def _read(self, prediction, top):
        names = self.spec.outputs
        if self.spec.task == "regression":
            return {"predicted": self.task.decode(prediction), "values": _named(names, prediction)}
        order = np.argsort(-prediction, kind="stable")[:top]
        likely = _named([names[place] for place in order], prediction[order])
        return {"predicted": self.task.decode(prediction), "probabilities": likely}

    def evaluate(self, data, max_skipped=0.05, max_pixels=200_000_000, seed=0):
        """The `splits` of metrics.json for any SPEC whose labels the model knows.

        A split with examples that trained the model, or chose something, is `used_for_selection`, and
        a warning says how many they are.
        """
        source = _in_order(read_source(data, self.spec.task), self.spec)
        examples = read_examples(source, self.spec.image_size, self.spec.resize, max_pixels)
        check_skipped(examples, max_skipped)
        check_known(examples.table, self.spec)
        targets = self.task.encode(list(examples.table["label"]))
        rows = np.arange(len(examples))
        predictions = np.concatenate(
            [o for _, o in stream(self.engine, examples, rows, "Evaluating")]
        )
        used = self._name_learned(examples.table)
        return score_splits(self.task, examples.table, targets, predictions, used, seed)

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


def _in_order(source, spec):
    """`source` with several numbers an example in the order of the model's answers."""
    if not source.targets or source.targets == spec.outputs:
        return source
    if set(source.targets) != set(spec.outputs):
        raise UserError(
            "the model predicts other numbers",
            ", ".join(source.targets),
            f"It predicts {', '.join(spec.outputs)}",
        )
    places = [source.targets.index(name) for name in spec.outputs]
    labels = source.table["label"].map(lambda label: tuple(label[place] for place in places))
    return replace(source, table=source.table.assign(label=labels), targets=spec.outputs)


def check_known(table, spec):
    """Refuse labels that a model has never heard of."""
    if spec.task == "regression":
        width = {len(label) if isinstance(label, tuple) else 1 for label in table["label"]}
        if width != {len(spec.outputs)}:
            raise UserError(f"the model predicts {len(spec.outputs)} numbers", sorted(width))
        return
    several = spec.task == "multilabel"
    names = {n for label in table["label"] for n in (label if several else (label,))}
    unknown = sorted(names - set(spec.outputs))
    if unknown:
        known = f"It knows: {', '.join(spec.outputs[:20])}"
        raise UserError("labels that the model does not know", ", ".join(unknown[:5]), known)


def model_file(path):
    """The `.keras` file that `path` (a run folder or the file itself) names, or an export."""
    path = Path(path)
    if (path / "model.keras").is_file():
        return path / "model.keras"
    exported = path.is_dir() and any((path / name).exists() for name in IN_A_FOLDER)
    if exported or (path.is_file() and path.suffix in {".keras", *READERS}):
        return path
    advice = "Name a run folder, a .keras file or an exported file"
    raise UserError("no model here", path, advice)


def find_examples(paths):
    """Example files that `paths` (files, folders, globs) name, each once, sorted within each."""
    files = {}
    for path in paths:
        text, path = str(path), Path(path)
        if path.is_dir():
            inside = (f for f in path.rglob("*") if f.suffix.lower() in IMAGE_ENDINGS)
            found = sorted(f for f in inside if f.is_file())
        elif path.is_file():
            found = [path]
        else:
            found = _glob(text)
        if not found:
            raise UserError(
                "no examples here", text, "Name files, folders or a pattern like a/*.jpg"
            )
        files |= dict.fromkeys(found)
    return list(files)


def _glob(pattern):
    import glob

    found = sorted(glob.glob(pattern, recursive=True))
    return [Path(f) for f in found if Path(f).is_file()]


def _named(names, values):
    return {name: round(float(value), 6) for name, value in zip(names, values, strict=True)}
