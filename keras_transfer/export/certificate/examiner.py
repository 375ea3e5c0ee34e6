"""`exports/certificate.json`: what each exported file answers, loses and takes, measured."""

import hashlib
import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from keras_transfer.data.examples import WORKERS
from keras_transfer.environment import cores, machine, versions
from keras_transfer.errors import ExampleError
from keras_transfer.evaluate.scores import headline, score_split
from keras_transfer.export.certificate.non_inferiority import AGREE, compare, judge_file, task_of
from keras_transfer.export.readers import BATCH, open_timed
from keras_transfer.export.saved_model import LIMITS
from keras_transfer.inputs.image.decoders import open_image
from keras_transfer.inputs.image.reading import load_image, read_image
from keras_transfer.runtimes.engines import BATCH as ENGINE_BATCH
from keras_transfer.runtimes.engines import keras_engine, run_batches

FILE = "certificate.json"
WARM_UP, TIMED = 3, 30  # single examples: before, and while the clock runs
ORIENTATION = 0x0112  # the EXIF tag of a turned example


class Examiner:
    """Measures files against one model on one EvaluationSet; what they share is computed once.

    Attributes:
        expected: (n, k) the model's answers to the evaluation_set's pixels.
    """

    def __init__(self, model, spec, evaluation_set, max_drop=0.01):
        self.spec, self.evaluation_set, self.max_drop = spec, evaluation_set, max_drop
        self.task = task_of(spec, model)
        self._model, self._phone = model, None
        self.expected = run_batches(keras_engine(model, ENGINE_BATCH), evaluation_set.pixels)

    def examine_model(self):
        """The model's own scores and latency, by Keras's `predict`."""

        def call(pixels):
            return self._model.predict(pixels.astype(np.float32), verbose=0)

        return {**self._score(self.expected), "latency_ms": self._latency(call), **self._where()}

    def examine(self, path):
        """(the entry of one file, its answers (n, k) to the evaluation_set's pixels)."""
        path = Path(path)
        reader, loading = open_timed(path)
        found = self._named(reader, reader.predict_arrays(self.evaluation_set.pixels))
        evaluation_set = self.evaluation_set
        told = (evaluation_set.targets, self.expected, found, self.max_drop, evaluation_set.groups)
        entry = {
            "path": path.name,
            "sha256": fingerprint(path),
            "runtime": reader.runtime,
            "load_ms": 1000 * loading,
            "latency_ms": self._latency(reader.predict_arrays),
            "operations": reader.operations(),
            "same_pixels": self._way(found),
            **judge_file(self.task, *told)._asdict(),
            **self._where(),
        }
        if evaluation_set.files is not None:
            entry["encoded_bytes"] = self._encoded(reader)
            _judge_encoded(entry, reader)
        return entry, found

    def _where(self):
        """On which examples and what machine it was measured."""
        evaluation_set = self.evaluation_set
        return {
            "split": evaluation_set.split,
            "examples": len(evaluation_set.pixels),
            "of": evaluation_set.of,
            "used_for_selection": evaluation_set.used_for_selection,
            "max_drop": self.max_drop,
            "machine": machine(),
            "versions": versions(),
        }

    def _named(self, reader, predictions):
        """A file's answers in the model's order of names: as somebody reads them who has the file.

        Names that the model does not know keep their places.
        """
        names = reader.spec.outputs if reader.spec else self.spec.outputs
        if sorted(names) != sorted(self.spec.outputs):
            return predictions
        return predictions[:, [names.index(name) for name in self.spec.outputs]]

    def _way(self, found, rows=None):
        """The scores of answers to the examples `rows`, and how they compare with the model's."""
        rows = np.arange(len(found)) if rows is None else rows
        shown = [self.evaluation_set.shown[row] for row in rows]
        compared = compare(self.task, self.expected[rows], found, shown)
        return {"examples": len(found), **self._score(found, rows), **compared}

    def _score(self, predictions, rows=slice(None)):
        """{headline score: {value, low, high}} of answers to the examples `rows`."""
        name, evaluation_set, outputs = (
            headline(self.task.name),
            self.evaluation_set,
            self.spec.outputs,
        )
        groups = None if evaluation_set.groups is None else evaluation_set.groups[rows]
        targets = evaluation_set.targets[rows]
        return {name: score_split(self.task.name, targets, predictions, outputs, groups)[name]}

    def _latency(self, call):
        """Milliseconds of one example: median, p95, how many were timed, on how many threads."""
        pixels, times = self.evaluation_set.pixels, []
        for number in range(WARM_UP + TIMED):
            row = number % len(pixels)
            begun = time.perf_counter()
            call(pixels[row : row + 1])
            times.append(1000 * (time.perf_counter() - begun))
        median, late = np.percentile(times[WARM_UP:], [50, 95])
        return {"median": float(median), "p95": float(late), "runs": TIMED, "threads": cores()}

    def _encoded(self, reader):
        """The way of an app: from the file of an example, by the runtime's own means."""
        if reader.predict_encoded is not None:
            how, predictions = "decoded and resized by the file itself", self._by_file(reader)
        elif reader.size is None:
            how, predictions = "decoded exactly, resized by the file itself", self._whole(reader)
        else:
            how = "decoded exactly, resized bilinearly without antialiasing, as phones do"
            predictions = self._by_phone(reader)
        rows = [row for row, prediction in enumerate(predictions) if prediction is not None]
        unread = [
            self.evaluation_set.shown[row] for row, one in enumerate(predictions) if one is None
        ]
        found = {"how": how, "unread": unread}
        if rows:
            stacked = self._named(reader, np.stack([predictions[row] for row in rows]))
            found |= self._way(stacked, np.array(rows))
        return found

    def _by_file(self, reader):
        """Answers of a file that decodes; None of what it does not read as training does."""
        files, predictions = self.evaluation_set.files, []
        for start in range(0, len(files), BATCH):
            data = [Path(file).read_bytes() for file in files[start : start + BATCH]]
            predictions += reader.predict_encoded(
                [None if _is_turned(one) else one for one in data]
            )
        return predictions

    def _whole(self, reader):
        def prediction(file):
            example = self._read(read_image, file)
            return None if example is None else reader.predict_arrays(example[None])[0]

        return [prediction(file) for file in self.evaluation_set.files]

    def _by_phone(self, reader):
        if self._phone is None:
            size, how = self.spec.image_size, self.spec.resize

            def read(file):
                return self._read(lambda f, most: load_image(f, size, how, most, "plain"), file)

            with ThreadPoolExecutor(WORKERS) as pool:
                self._phone = list(pool.map(read, self.evaluation_set.files))
        good = [pixels for pixels in self._phone if pixels is not None]
        predictions = iter(reader.predict_arrays(np.stack(good)) if good else ())
        return [None if pixels is None else next(predictions) for pixels in self._phone]

    def _read(self, load, file):
        try:
            return load(file, self.evaluation_set.max_pixels)
        except ExampleError:  # it was read for training: the file has changed or gone since
            return None


def _judge_encoded(entry, reader):
    """A file that decodes examples itself has to do that rightly too; of others it is told."""
    encoded = entry["encoded_bytes"]
    if reader.predict_encoded is not None:
        entry["limits"] = list(LIMITS)
        if encoded.get("agreement", 1.0) < AGREE and entry["passed"]:
            agreement = encoded["agreement"]
            why = f"answers {agreement:.1%} of encoded examples as the model does; {AGREE:.0%}"
            entry |= {"passed": False, "told": True, "why": f"{why} are needed"}


def _is_turned(data):
    """Whether a camera noted that the example is to be turned."""
    return open_image(data).getexif().get(ORIENTATION, 1) != 1


def fingerprint(path):
    """sha256, in hex, of a file, or of the names and contents of all files in a folder."""
    path, digest = Path(path), hashlib.sha256()
    for file in sorted(f for f in path.rglob("*") if f.is_file()) if path.is_dir() else [path]:
        if file != path:
            digest.update(f"{file.relative_to(path).as_posix()}\n".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def read_certificate(folder):
    """What `certificate.json` in a folder of exports says; empty where there is none."""
    file = Path(folder) / FILE
    return json.loads(file.read_text()) if file.exists() else {}
