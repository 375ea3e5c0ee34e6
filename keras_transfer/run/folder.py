"""Run: the folder that a training leaves; it grows under another name and is renamed when whole."""

import json
import os
import shutil
from pathlib import Path

from keras_transfer import progress
from keras_transfer.environment import read_json, versions, write_text
from keras_transfer.errors import UserError
from keras_transfer.run.showing import Showing

PARTIAL = ".partial"
RELIABILITY = "reliability.json"
CHECK = "check.npz"  # examples on which an export must predict as the model does


class Run(Showing):
    """One training's folder, and what is in it.

    Attributes:
        folder: where it is.
        info: what `run.json` says: state, versions, task, outputs, data, seconds.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self.info = {}

    @classmethod
    def open(cls, folder):
        """A finished run, by its folder or its model.keras; anything else is a UserError."""
        whole = Path(folder)
        run = cls(whole.parent if whole.name == "model.keras" and whole.is_file() else whole)
        file = run.folder / "run.json"
        if not file.is_file():
            raise UserError("no run here", folder, "A run folder has a run.json in it")
        run.info = read_info(run.folder)
        if run.info.get("state") != "finished":
            found = f"{folder}: {run.info.get('state', 'a damaged run.json')}"
            raise UserError("this run never finished", found, "Train it again")
        return run

    @classmethod
    def create(cls, folder, overwrite=False):
        """Begin a run that will be `folder`; until `finish` it is `folder`.partial."""
        target = Path(folder)
        check_free(target, overwrite)
        partial = target.with_name(target.name + PARTIAL)
        run = cls(partial)
        try:
            if partial.exists():
                progress.say(f"replacing {partial}: a run that stopped before its end")
                shutil.rmtree(partial)
            partial.mkdir(parents=True)
        except OSError as error:
            raise UserError(
                "the run's folder cannot be written", f"{partial}: {error.strerror}", "Name another"
            ) from None
        try:
            run.write_info(state="running", pid=os.getpid(), versions=versions())
        except UserError:  # the disk is full: an empty folder would block the name
            run.discard()
            raise
        return run

    def write_info(self, **facts):
        """Add facts to `run.json`."""
        self.info |= facts
        self.write_text("run.json", json.dumps(self.info, indent=2) + "\n")

    def write_text(self, name, text):
        """Write one small file whole."""
        write_text(self.folder / name, text)

    def finish(self):
        """Mark the run as finished and give the folder its name."""
        self.info.pop("pid", None)
        self.write_info(state="finished")
        target = self.folder.with_name(self.folder.name.removesuffix(PARTIAL))
        old = target.with_name(f".{target.name}.old")
        if target.exists():  # checked before: it is a run, or empty, and may go
            os.replace(target, old)
        os.replace(self.folder, target)
        shutil.rmtree(old, ignore_errors=True)
        self.folder = target

    def fail(self, reason):
        """Keep what there is under its partial name, and say why it stopped."""
        self.info.pop("pid", None)
        if self.folder.is_dir():
            self.write_info(state="failed", reason=reason)

    def discard(self):
        """Remove a run that has nothing worth keeping."""
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def metrics(self):
        """`metrics.json` as a dict."""
        return read_json(self.folder / "metrics.json", ["splits", "examples", "seconds"])

    @property
    def config(self):
        """The `TrainConfig` that the run was made with."""
        from keras_transfer.config import read_config

        return read_config(self.folder / "config.json")

    @property
    def classes(self):
        """Names of the outputs, in the order of the predictions."""
        return tuple((self.folder / "classes.txt").read_text(encoding="utf-8").splitlines())

    @property
    def history(self):
        """`history.csv` as a DataFrame: one row an epoch, or a penalty that was tried."""
        from keras_transfer.run.tables import read_history

        return read_history(self.folder / "history.csv")

    @property
    def predictions(self):
        """`predictions.csv` (or `.jsonl`) as a DataFrame: one row an example that was scored."""
        from keras_transfer.run.tables import (
            LINES_FILE,
            PREDICTIONS_FILE,
            TEXTS,
            read_table,
            with_numbers,
        )

        if (self.folder / LINES_FILE).is_file():
            import pandas as pd

            return pd.read_json(self.folder / LINES_FILE, lines=True)
        table = read_table(self.folder / PREDICTIONS_FILE, TEXTS)
        numbers = [column for column in table if column not in TEXTS]
        return with_numbers(table, numbers, self.folder / PREDICTIONS_FILE)

    @property
    def predictor(self):
        """The model, with what it takes and gives."""
        from keras_transfer.run.predictor import Predictor

        return Predictor.load(self.folder)

    @property
    def model(self):
        """The trained `keras.Model`: raw inputs in, predictions out."""
        return self.predictor.model

    def predict(self, *paths, top=5):
        """Predictions for files, folders or patterns: a list of dicts, one a file."""
        return self.predictor.predict(paths, top)

    def export(self, *formats, data=None, max_drop=0.01, library=None):
        """Write exports into `RUN/exports`, check and certify each.

        Args:
            formats: names of `export.FORMATS`.
            data: where the run's examples are now, if they have moved.
            max_drop: how much of its accuracy a file may lose.
            library: a folder with a package of others' code that pages bring along.

        Returns:
            {format: what `certificate.json` says of it}; `passed` tells whether it may be used.
        """
        from keras_transfer.export.certificate.evaluation_set import draw_evaluation_set
        from keras_transfer.export.common.writing import check_formats
        from keras_transfer.run.reading import read_again

        check_formats(formats, library=library)
        predictor = self.predictor
        with progress.logged(self.folder / "log.txt"):
            dataset = read_again(self, predictor.spec.inputs, data)
            drawn = None
            if dataset is not None:
                drawn = draw_evaluation_set(dataset, self.info["selected_on"], self.config.seed)
            given = predictor.model, predictor.spec, formats, drawn, max_drop, library
            return self.export_model(*given)

    def export_model(self, model, spec, formats, evaluation_set=None, max_drop=0.01, library=None):
        """`export` for a model that is at hand."""
        from keras_transfer.export.common.writing import write_exports

        folder, proof = self.folder / "exports", self.check_examples
        given = evaluation_set, max_drop, library
        return write_exports(model, spec, folder, formats, proof, *given)

    @property
    def certificate(self):
        """`exports/certificate.json` as a dict; empty without exports."""
        from keras_transfer.export.certificate import read_certificate

        return read_certificate(self.folder / "exports")

    @property
    def reliability(self):
        """`reliability.json` as a dict: temperature, thresholds and what they cost; or empty."""
        file = self.folder / RELIABILITY
        return read_json(file) if file.is_file() else {}

    def write_reliability(self, record, kept):
        """Keep how far predictions can be relied on.

        Args:
            record: for `reliability.json`.
            kept: `model.training_features.TrainingFeatures`, or None.
        """
        from keras_transfer.model.training_features import write_training_features

        if record:
            self.write_text(RELIABILITY, json.dumps(record, indent=2) + "\n")
        if kept is not None:
            write_training_features(self.folder, kept)

    @property
    def check_examples(self):
        """A few examples on which exports are proven: arrays (n, ...)."""
        import numpy as np

        if not (self.folder / CHECK).is_file():
            raise UserError("the examples to prove exports on are gone", self.folder / CHECK)
        with np.load(self.folder / CHECK) as kept:
            arrays = tuple(kept[name] for name in kept.files)
        return arrays if len(arrays) > 1 else arrays[0]

    def keep_check_examples(self, arrays):
        """Keep a few examples as the model takes them, to prove exports on."""
        import numpy as np

        from keras_transfer.inputs.common.arrays import as_tuple

        np.savez_compressed(self.folder / CHECK, *as_tuple(arrays))

    def __repr__(self):
        from keras_transfer.evaluate.draws import is_score

        if self.info.get("state") != "finished":
            return f"Run({str(self.folder)!r}, {self.info.get('state', 'empty')})"
        config, lines = self.config, []
        for split, scores in self.metrics["splits"].items():
            shown = [
                f"{name} {score['value']:.3f}"
                for name, score in scores.items()
                if is_score(score) and score["value"] is not None
            ]
            lines.append(f"{split} ({scores['n']} examples): {', '.join(shown)}")
        first = f"Run({str(self.folder)!r})  {config.base}, {config.strategy}"
        offers = ".metrics .history .predictions .model .predict(path) .export(format)"
        return "\n".join([first, *lines, offers])


def check_free(target, overwrite):
    """Refuse a folder that is taken: by another run, something that is none, or one under way."""
    if not target.name:
        raise UserError("--out needs a name of its own", f"{str(target)!r}")
    partial = target.with_name(target.name + PARTIAL)
    if _alive(partial):
        raise UserError("a run is writing here right now", partial, "Wait for it, or use --out")
    if os.path.lexists(partial) and not _is_ours(partial):
        raise UserError("the name that a run grows under is taken", partial, "Name another --out")
    if not os.path.lexists(target) or _is_empty(target):
        return
    if not _is_ours(target):
        raise UserError("--out is taken by something that is no run", target, "Name another")
    if not overwrite:
        raise UserError("this run exists", target, "Name another with --out, or add --overwrite")


def read_info(folder):
    """What `run.json` in a folder says; empty where it is not one of ours."""
    try:
        info = json.loads((Path(folder) / "run.json").read_text())
    except (OSError, ValueError):  # none there, or no JSON in it
        return {}
    ours = isinstance(info, dict) and "state" in info and "versions" in info
    return info if ours else {}


def _is_ours(folder):
    """Whether a folder is a run, whole or not: only then may it go. A link never may."""
    return not folder.is_symlink() and bool(read_info(folder))


def _is_empty(folder):
    return folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir())


def _alive(partial):
    """Whether the process that writes `partial` still runs."""
    info = read_info(partial)
    pid = info.get("pid")
    if info.get("state") != "running" or not isinstance(pid, int):
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's process: it runs
        return True
    return pid != os.getpid()


def next_folder(data, base, strategy, root="saved_models"):
    """The first free `saved_models/DATA-BASE-STRATEGY-NNN`."""
    stem = f"{data}-{base}-{strategy}"
    for number in range(1, 1_000_000):
        folder = Path(root) / f"{stem}-{number:03d}"
        if not folder.exists() and not folder.with_name(folder.name + PARTIAL).exists():
            return folder
    raise UserError("a million runs of this name are here already", root, "Use --out")
