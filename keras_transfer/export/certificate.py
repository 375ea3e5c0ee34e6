"""`exports/certificate.json`: what each exported file answers, loses and takes, measured."""

import hashlib
import json
import time
from pathlib import Path

import numpy as np

from keras_transfer.data.images import load_picture, picture_kind, read_picture
from keras_transfer.evaluate.scores import headline, score_split
from keras_transfer.export.comparing import compare, judge_file
from keras_transfer.export.readers import open_timed
from keras_transfer.features.engines import BATCH, keras_engine, run_batches
from keras_transfer.runtime import cores, machine, versions
from keras_transfer.tasks import find_task

FILE = "certificate.json"
WARM_UP, TIMED = 3, 30  # single pictures: before, and while the clock runs
UNREAD = {"bmp", "tiff"}  # kinds of pictures that a SavedModel's decoder refuses
# what the decoder inside a SavedModel does otherwise than training
SAVED_MODEL_LIMITS = (
    "EXIF rotation is ignored: turn pictures before sending them",
    "BMP and TIFF are refused",
    "the one transparent colour of an RGB or grey PNG without alpha channel stays opaque",
    "16-bit PNG is cut to 8 bits where training rounds: one level at most",
)


class Examiner:
    """Measures files against one model on one Evidence; what they share is computed once.

    Attributes:
        expected: (n, k) the model's answers to the evidence's pixels.
    """

    def __init__(self, model, about, evidence, max_drop=0.01):
        self.about, self.evidence, self.max_drop = about, evidence, max_drop
        self.task = find_task(about.task).of_outputs(about.outputs)
        self._model = model
        self.expected = run_batches(keras_engine(model, BATCH), evidence.pixels)
        self._phone_pixels = None

    def preamble(self):
        """What is said once: the pictures, the machine, the model itself."""
        evidence = self.evidence
        pixels = evidence.pixels.astype(np.float32)
        call = lambda row: self._model.predict(pixels[row : row + 1], verbose=0)  # noqa: E731
        return {
            "schema": 1,
            "task": self.task.name,
            "split": evidence.split,
            "pictures": len(evidence.pixels),
            "of": evidence.of,
            "used_to_choose": evidence.used_to_choose,
            "max_drop": self.max_drop,
            "machine": machine(),
            "versions": versions(),
            "model": {
                **self._score(self.expected, evidence.targets, evidence.groups),
                "latency_ms": _latency(call, len(pixels)),
            },
        }

    def examine(self, path):
        """The entry of one file."""
        path = Path(path)
        reader, loading = open_timed(path)
        pixels = self.evidence.pixels
        found = self._named(reader, reader.answers(pixels))
        verdict = judge_file(self.task, self.evidence.targets, self.expected, found, self.max_drop)
        call = lambda row: reader.answers(pixels[row : row + 1])  # noqa: E731
        entry = {
            "path": path.name,
            "bytes": sum(file.stat().st_size for file in _files(path)),
            "sha256": fingerprint(path),
            "runtime": reader.runtime,
            "load_ms": 1000 * loading,
            "latency_ms": _latency(call, len(pixels)),
            "operations": reader.operations(),
            "same_pixels": self._way(found),
            "passed": verdict.passed,
            **{k: v for k, v in verdict._asdict().items() if k != "passed"},
        }
        if self.evidence.files is not None:
            entry["encoded_bytes"] = self._encoded(reader)
        if reader.answer_bytes:
            entry["limits"] = list(SAVED_MODEL_LIMITS)
        return entry

    def _named(self, reader, answers):
        """A file's answers in the model's order of names: as somebody reads them who has the file.

        Names that the model does not know keep their places.
        """
        names = reader.about.outputs if reader.about else self.about.outputs
        if sorted(names) != sorted(self.about.outputs):
            return answers
        return answers[:, [names.index(name) for name in self.about.outputs]]

    def _way(self, found, rows=slice(None)):
        """The scores of answers to the pictures `rows`, and how they compare with the model's."""
        evidence = self.evidence
        shown, targets = np.array(evidence.shown, object)[rows], evidence.targets[rows]
        groups = None if evidence.groups is None else evidence.groups[rows]
        compared = compare(self.task, self.expected[rows], found, shown)
        return {"pictures": len(found), **self._score(found, targets, groups), **compared}

    def _score(self, answers, targets, groups):
        """{headline score: {value, low, high}} of answers."""
        name = headline(self.task.name)
        outputs = self.about.outputs
        return {name: score_split(self.task.name, targets, answers, outputs, groups)[name]}

    def _encoded(self, reader):
        """The way of an app: from the file of a picture, by the runtime's own means."""
        if reader.size is None:
            how = "decoded exactly, resized by the file itself"
            pictures = [read_picture(file)[None] for file in self.evidence.files]
            found = np.concatenate([reader.answers(picture) for picture in pictures])
            return {"how": how, **self._way(self._named(reader, found))}
        if reader.answer_bytes is None:
            how = "decoded exactly, resized bilinearly without antialiasing, as phones do"
            found = reader.answers(self._by_phone())
            return {"how": how, **self._way(self._named(reader, found))}
        files = [Path(file).read_bytes() for file in self.evidence.files]
        readable = [row for row, data in enumerate(files) if picture_kind(data) not in UNREAD]
        if not readable:
            return {"how": "the file reads none of these kinds of pictures"}
        found = self._named(reader, reader.answer_bytes([files[row] for row in readable]))
        return {"how": "decoded and resized by the file itself", **self._way(found, readable)}

    def _by_phone(self):
        if self._phone_pixels is None:
            about, files = self.about, self.evidence.files
            self._phone_pixels = np.stack(
                [
                    load_picture(f, about.image_size, about.resize, resize_filter="plain")
                    for f in files
                ]
            )
        return self._phone_pixels


def _latency(call, pictures):
    """Milliseconds of one picture: median, p95, how many were timed, on how many threads."""
    for row in range(WARM_UP):
        call(row % pictures)
    times = []
    for row in range(TIMED):
        begun = time.perf_counter()
        call(row % pictures)
        times.append(1000 * (time.perf_counter() - begun))
    median, late = np.percentile(times, [50, 95])
    return {"median": float(median), "p95": float(late), "runs": TIMED, "threads": cores()}


def fingerprint(path):
    """sha256, in hex, of a file, or of the names and contents of all files in a folder."""
    digest = hashlib.sha256()
    for file in _files(Path(path)):
        if file != Path(path):
            digest.update(f"{file.relative_to(path).as_posix()}\n".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _files(path):
    return sorted(f for f in path.rglob("*") if f.is_file()) if path.is_dir() else [path]


def read_certificate(folder):
    """What `certificate.json` in a folder of exports says; empty where there is none."""
    file = Path(folder) / FILE
    return json.loads(file.read_text()) if file.exists() else {}
