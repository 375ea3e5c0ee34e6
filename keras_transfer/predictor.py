"""A trained model that takes pictures and answers with names."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from keras_transfer import progress
from keras_transfer.data.images import PICTURE_ENDINGS, load_picture
from keras_transfer.data.pictures import WORKERS, check_left_out, read_pictures
from keras_transfer.data.roles import ROLES, read_roles
from keras_transfer.data.sources import read_source
from keras_transfer.errors import PictureError, UserError
from keras_transfer.evaluate.splits import score_splits
from keras_transfer.export.keras_file import load_keras_file
from keras_transfer.export.readers import IN_A_FOLDER, READERS, open_export
from keras_transfer.features.engines import BATCH, keras_engine, run_batches, stream
from keras_transfer.tasks import find_task


@dataclass(frozen=True)
class Predictor:
    """A model and what its answers mean.

    Attributes:
        engine: function of pixels (n, size, size, 3), at most BATCH -> answers float32 (n, k).
        about: `export.about.About`.
        model: `keras.Model`, pixels in, answers out; None for an exported file.
        learned: {sha256: role} of the pictures that trained it or chose something; empty where
            the model's file stands alone.
    """

    engine: object
    about: object
    model: object = None
    learned: dict = field(default_factory=dict, repr=False)

    @classmethod
    def load(cls, path):
        """From a run folder, a `.keras` file, or an exported file (see `open_export`)."""
        file = model_file(path)
        if file.suffix == ".keras":
            model, about = load_keras_file(file)
            return cls(keras_engine(model, BATCH), about, model, read_roles(file.parent))
        reader = open_export(file)
        if reader.about is None:
            advice = "Only files that keras_transfer exported can be used here"
            raise UserError("this file does not say what its outputs mean", file, advice)
        about = reader.about._replace(image_size=reader.size or reader.about.image_size)
        # an export lies in RUN/exports, or in a folder of its own there
        above = [place for place in file.resolve().parents[:3] if (place / "run.json").is_file()]
        learned = read_roles(above[0]) if above else {}
        return cls(
            lambda pixels: reader.answers(np.asarray(pixels, np.uint8)), about, None, learned
        )

    @property
    def task(self):
        return find_task(self.about.task).of_outputs(self.about.outputs)

    def answers(self, pixels):
        """Answers float32 (n, outputs) to pixels uint8 (n, size, size, 3)."""
        return run_batches(self.engine, pixels)

    def predict(self, paths, top=5, max_pixels=200_000_000):
        """A list of dicts, one a picture file, in the order of `find_pictures(paths)`.

        Each has `path` and either `error` or `predicted` and `probabilities` (the `top` most
        likely, {name: probability}; for a regression `values`, all of them).
        """
        files = find_pictures(paths)
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
                return load_picture(file, self.about.image_size, self.about.resize, max_pixels)
            except PictureError as error:
                return str(error)
            except OSError as error:
                return error.strerror

        with ThreadPoolExecutor(WORKERS) as pool:
            loaded = list(pool.map(load, files))
        good = [pixels for pixels in loaded if not isinstance(pixels, str)]
        answers = iter(self.answers(np.stack(good)) if good else ())
        return [
            {"path": str(file), "error": pixels}
            if isinstance(pixels, str)
            else {"path": str(file), **self._read(next(answers), top)}
            for file, pixels in zip(files, loaded, strict=True)
        ]

    def _read(self, answer, top):
        names = self.about.outputs
        if self.about.task == "regression":
            return {"predicted": self.task.read(answer), "values": _named(names, answer)}
        order = np.argsort(-answer, kind="stable")[:top]
        likely = _named([names[place] for place in order], answer[order])
        return {"predicted": self.task.read(answer), "probabilities": likely}

    def evaluate(self, data, max_left_out=0.05, max_pixels=200_000_000, seed=0):
        """The `splits` of metrics.json for any SPEC whose labels the model knows.

        A split with pictures that trained the model, or chose something, is `used_to_choose`, and
        a warning says how many they are.
        """
        source = _in_order(read_source(data, self.about.task), self.about)
        pictures = read_pictures(source, self.about.image_size, self.about.resize, max_pixels)
        check_left_out(pictures, max_left_out)
        check_known(pictures.table, self.about)
        targets = self.task.encode(list(pictures.table["label"]))
        rows = np.arange(len(pictures))
        answers = np.concatenate([o for _, o in stream(self.engine, pictures, rows, "Evaluating")])
        used = self._name_learned(pictures.table)
        return score_splits(self.task, pictures.table, targets, answers, used, seed)

    def _name_learned(self, table):
        """Splits with pictures that the model learned from; a warning for each."""
        roles = table["sha256"].map(self.learned)
        for split in sorted(set(table["split"][roles.notna()])):
            inside = roles[table["split"] == split]
            counts = [f"{n} {ROLES[role]}" for role, n in inside.value_counts().items()]
            where = f"of the {len(inside)} pictures" + (f" of {split}" if split else "")
            progress.warn(
                f"{where} {' and '.join(counts)}: their score says little about new pictures"
            )
        return {split or "all" for split in table["split"][roles.notna()]}


def _in_order(source, about):
    """`source` with several numbers a picture in the order of the model's answers."""
    if not source.targets or source.targets == about.outputs:
        return source
    if set(source.targets) != set(about.outputs):
        raise UserError(
            "the model predicts other numbers",
            ", ".join(source.targets),
            f"It predicts {', '.join(about.outputs)}",
        )
    places = [source.targets.index(name) for name in about.outputs]
    labels = source.table["label"].map(lambda label: tuple(label[place] for place in places))
    return replace(source, table=source.table.assign(label=labels), targets=about.outputs)


def check_known(table, about):
    """Refuse labels that a model has never heard of."""
    if about.task == "regression":
        width = {len(label) if isinstance(label, tuple) else 1 for label in table["label"]}
        if width != {len(about.outputs)}:
            raise UserError(f"the model predicts {len(about.outputs)} numbers", sorted(width))
        return
    several = about.task == "multilabel"
    names = {n for label in table["label"] for n in (label if several else (label,))}
    unknown = sorted(names - set(about.outputs))
    if unknown:
        known = f"It knows: {', '.join(about.outputs[:20])}"
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


def find_pictures(paths):
    """Picture files that `paths` (files, folders, globs) name, each once, sorted within each."""
    files = {}
    for path in paths:
        text, path = str(path), Path(path)
        if path.is_dir():
            inside = (f for f in path.rglob("*") if f.suffix.lower() in PICTURE_ENDINGS)
            found = sorted(f for f in inside if f.is_file())
        elif path.is_file():
            found = [path]
        else:
            found = _glob(text)
        if not found:
            raise UserError(
                "no pictures here", text, "Name files, folders or a pattern like a/*.jpg"
            )
        files |= dict.fromkeys(found)
    return list(files)


def _glob(pattern):
    import glob

    found = sorted(glob.glob(pattern, recursive=True))
    return [Path(f) for f in found if Path(f).is_file()]


def _named(names, values):
    return {name: round(float(value), 6) for name, value in zip(names, values, strict=True)}
