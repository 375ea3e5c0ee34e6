"""Measures exported files against their model, on examples that did not train it."""

import hashlib
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

import numpy as np

from keras_transfer.data.examples import WORKERS
from keras_transfer.environment import cores, machine, versions
from keras_transfer.errors import ExampleError
from keras_transfer.export.certificate.non_inferiority import (
    AGREE,
    compare,
    hold_headline,
    judge_file,
)
from keras_transfer.inputs.common.arrays import as_tuple, count, stack, take
from keras_transfer.runtimes.postprocessed import Postprocessed
from keras_transfer.tasks import load_task

WARM_UP, TIMED = 3, 30  # single examples: before, and while the clock runs
TIMED_PREDICT = 8  # of Keras's predict, which takes ten times as long as a file
FILES_AT_ONCE = 16  # that a file is given to decode
EXACT_SHARE, INEXACT_SHARE = 0.5, 2.0  # of max_drop, that a file may lose of the leading score
ENOUGH_FILES = 100  # read from files where a file predicts exactly as the model from arrays


class Examiner:
    """Measures files against one model on one EvaluationSet; what they share is computed once.

    Attributes:
        network: `export.common.network.Network`.
        expected: the model's predictions for the evaluation set's inputs.
    """

    def __init__(self, network, evaluation_set, max_drop=0.01):
        self.network, self.evaluation_set, self.max_drop = network, evaluation_set, max_drop
        self.task, self.modality = network.task, network.modality
        self.expected = self._predict(network.runtime, self.task, evaluation_set.inputs)

    def examine_model(self):
        """The model's own scores and latency, by Keras's `predict`."""
        model = self.network.model
        dtypes = [tensor.dtype for tensor in model.inputs]

        def call(inputs):
            cast = [a.astype(d) for a, d in zip(as_tuple(inputs), dtypes, strict=True)]
            return model.predict(cast if len(cast) > 1 else cast[0], verbose=0)

        latency = self._latency(call, TIMED_PREDICT)
        return {**self._expected_score, "latency_ms": latency, **self._where()}

    @cached_property
    def _expected_score(self):
        return self._score(self.expected)

    def examine(self, path, exported, exact=True):
        """Measure one file.

        Args:
            path: of the file; exported: the Exported of it; exact: see `Format`.

        Returns:
            its entry in `certificate.json`.
        """
        path, drawn = Path(path), self.evaluation_set
        found = self._named(exported, self.predictions(exported, drawn.inputs))
        verdict = judge_file(
            self.task, drawn.targets, self.expected, found, self.max_drop, drawn.groups
        )
        way = self._way(found)
        verdict = self._hold_headline(verdict, way, exact)
        entry = {
            "path": path.name,
            "sha256": fingerprint(path),
            "runtime": exported.runtime.description,
            "latency_ms": self._latency(exported.runtime, TIMED),
            "same_inputs": way,
            **verdict._asdict(),
            **self._where(),
        }
        if drawn.files is not None and (exported.predict_files or self.modality.app_way):
            exact = entry["same_inputs"]["agreement"] == 1
            entry["from_files"] = self._from_files(exported, exact)
            self._judge_files(entry, exported)
        return entry

    def _hold_headline(self, verdict, way, exact):
        """The Verdict, where the leading score is no mean over examples and has to hold, too."""
        name = self.task.headline
        if not self.task.paired_score:
            return verdict
        lost = self._expected_score[name]["value"] - way[name]["value"]
        allowed = self.max_drop * (EXACT_SHARE if exact else INEXACT_SHARE)
        return hold_headline(verdict, name, lost, allowed)

    def predictions(self, exported, inputs):
        """Predictions of a file."""
        return self._predict(exported.runtime, self._task_of(exported), inputs)

    def _predict(self, runtime, task, inputs):
        return Postprocessed(runtime, task)(inputs)

    def _task_of(self, exported):
        """What makes predictions of a file's outputs, whatever their form."""
        return load_task(exported.spec) if exported.spec else self.task

    def _where(self):
        """On which examples and what machine it was measured."""
        drawn = self.evaluation_set
        return {
            "split": drawn.split,
            "examples": count(drawn.inputs),
            "split_size": drawn.split_size,
            "used_for_selection": drawn.used_for_selection,
            "max_drop": self.max_drop,
            "machine": machine(),
            "versions": versions(),
        }

    def _named(self, exported, predictions):
        """A file's predictions in the model's order of names: as somebody reads them who has it."""
        return self.task.reorder(predictions, exported.spec.outputs if exported.spec else ())

    def _way(self, found, indices=None):
        """The scores of predictions for the examples at `indices`, and how they compare."""
        indices = np.arange(count(found)) if indices is None else indices
        shown = [self.evaluation_set.shown[index] for index in indices]
        compared = compare(self.task, take(self.expected, indices), found, shown)
        return {"examples": len(indices), **self._score(found, indices), **compared}

    def _score(self, predictions, indices=slice(None)):
        """{headline score: {value, low, high}} of predictions for the examples at `indices`."""
        drawn, name = self.evaluation_set, self.task.headline
        groups = None if drawn.groups is None else drawn.groups[indices]
        scores = self.task.score(take(drawn.targets, indices), predictions, groups=groups)
        return {name: scores[name]}

    def _latency(self, call, timed):
        """Milliseconds of one example: median, p95, how many were timed, on how many threads."""
        inputs, times = self.evaluation_set.inputs, []
        for number in range(WARM_UP + timed):
            place = number % count(inputs)
            begun = time.perf_counter()
            call(take(inputs, slice(place, place + 1)))
            times.append(1000 * (time.perf_counter() - begun))
        median, late = np.percentile(times[WARM_UP:], [50, 95])
        return {"median": float(median), "p95": float(late), "runs": timed, "threads": cores()}

    def _from_files(self, exported, exact):
        """The way of an app: from an example's file, by the runtime's own means."""
        places = np.arange(count(self.evaluation_set.inputs))
        if exact and exported.predict_files:
            places = places[:: -(-len(places) // ENOUGH_FILES)]
        if exported.predict_files:
            how, found = "decoded and resized by the file itself", self._decoded(exported, places)
        elif exported.any_size:
            how, found = "decoded exactly, resized by the file itself", self._whole(exported)
        else:
            how, found = self.modality.app_way, self._as_apps(exported)
        read = [place for place, one in zip(places, found, strict=True) if one is not None]
        shown = self.evaluation_set.shown
        unread = [shown[p] for p, one in zip(places, found, strict=True) if one is None]
        result = {"how": how, "unread": unread}
        if read:
            stacked = stack([one for one in found if one is not None])
            result |= self._way(self._named(exported, stacked), np.array(read))
        return result

    def _decoded(self, exported, places):
        """Predictions of a file that decodes; None of what it does not read as training does."""
        files, found = self.evaluation_set.files, []
        for start in range(0, len(places), FILES_AT_ONCE):
            part = places[start : start + FILES_AT_ONCE]
            data = [Path(files[place]).read_bytes() for place in part]
            alike = [one if self.modality.is_served_alike(one) else None for one in data]
            outputs = exported.predict_files(alike)
            found += [self._prediction(exported, one) for one in outputs]
        return found

    def _prediction(self, exported, outputs):
        """The prediction of one example; None where there are no outputs."""
        if outputs is None:
            return None
        return take(self._task_of(exported).postprocess(stack([outputs])), 0)

    def _whole(self, exported):
        def predict(file):
            example = self._read(self.modality.load_whole, file)
            return (
                None if example is None else take(self.predictions(exported, stack([example])), 0)
            )

        return [predict(file) for file in self.evaluation_set.files]

    @cached_property
    def _app_inputs(self):
        """What an app makes of each file; None of what cannot be read."""
        with ThreadPoolExecutor(WORKERS) as pool:
            load = self.modality.load_as_apps
            return list(pool.map(lambda f: self._read(load, f), self.evaluation_set.files))

    def _as_apps(self, exported):
        good = [example for example in self._app_inputs if example is not None]
        found = self.predictions(exported, stack(good)) if good else ()
        places = iter(range(len(good)))
        return [None if one is None else take(found, next(places)) for one in self._app_inputs]

    def _read(self, load, file):
        try:
            return load(file, self.network.spec.inputs).arrays
        except ExampleError:  # it was read for training: the file has changed or gone since
            return None

    def _judge_files(self, entry, exported):
        """A file that decodes examples itself has to do that rightly too; others are noted."""
        if exported.predict_files is None:
            return
        entry["limits"] = list(self.modality.limits)
        agreement = entry["from_files"].get("agreement", 1.0)
        if agreement < AGREE and entry["passed"]:
            reason = f"agrees with the model on {agreement:.1%} of encoded files; {AGREE:.0%}"
            entry |= {"passed": False, "conclusive": True, "reason": f"{reason} are needed"}


def fingerprint(path):
    """sha256, in hex, of a file, or of the names and contents of all files in a folder."""
    path, digest = Path(path), hashlib.sha256()
    for file in sorted(f for f in path.rglob("*") if f.is_file()) if path.is_dir() else [path]:
        if file != path:
            digest.update(f"{file.relative_to(path).as_posix()}\n".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()
