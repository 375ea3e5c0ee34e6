"""`exports/certificate.json`: what each exported file answers, loses and takes, measured."""

import hashlib
import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from keras_transfer.data.decoders import open_picture
from keras_transfer.data.images import load_picture, read_picture
from keras_transfer.data.pictures import WORKERS
from keras_transfer.errors import PictureError
from keras_transfer.evaluate.scores import headline, score_split
from keras_transfer.export.comparing import AGREE, compare, judge_file, task_of
from keras_transfer.export.readers import BATCH, open_timed
from keras_transfer.export.saved_model import LIMITS
from keras_transfer.features.engines import BATCH as ENGINE_BATCH
from keras_transfer.features.engines import keras_engine, run_batches
from keras_transfer.runtime import cores, machine, versions

FILE = "certificate.json"
WARM_UP, TIMED = 3, 30  # single pictures: before, and while the clock runs
ORIENTATION = 0x0112  # the EXIF tag of a turned picture


class Examiner:
    """Measures files against one model on one Evidence; what they share is computed once.

    Attributes:
        expected: (n, k) the model's answers to the evidence's pixels.
    """

    def __init__(self, model, about, evidence, max_drop=0.01):
        self.about, self.evidence, self.max_drop = about, evidence, max_drop
        self.task = task_of(about, model)
        self._model, self._phone = model, None
        self.expected = run_batches(keras_engine(model, ENGINE_BATCH), evidence.pixels)

    def examine_model(self):
        """The model's own scores and latency, by Keras's `predict`."""

        def call(pixels):
            return self._model.predict(pixels.astype(np.float32), verbose=0)

        return {**self._score(self.expected), "latency_ms": self._latency(call), **self._where()}

    def examine(self, path):
        """(the entry of one file, its answers (n, k) to the evidence's pixels)."""
        path = Path(path)
        reader, loading = open_timed(path)
        found = self._named(reader, reader.answers(self.evidence.pixels))
        evidence = self.evidence
        told = (evidence.targets, self.expected, found, self.max_drop, evidence.groups)
        entry = {
            "path": path.name,
            "sha256": fingerprint(path),
            "runtime": reader.runtime,
            "load_ms": 1000 * loading,
            "latency_ms": self._latency(reader.answers),
            "operations": reader.operations(),
            "same_pixels": self._way(found),
            **judge_file(self.task, *told)._asdict(),
            **self._where(),
        }
        if evidence.files is not None:
            entry["encoded_bytes"] = self._encoded(reader)
            _judge_encoded(entry, reader)
        return entry, found

    def _where(self):
        """On which pictures and what machine it was measured."""
        evidence = self.evidence
        return {
            "split": evidence.split,
            "pictures": len(evidence.pixels),
            "of": evidence.of,
            "used_to_choose": evidence.used_to_choose,
            "max_drop": self.max_drop,
            "machine": machine(),
            "versions": versions(),
        }

    def _named(self, reader, answers):
        """A file's answers in the model's order of names: as somebody reads them who has the file.

        Names that the model does not know keep their places.
        """
        names = reader.about.outputs if reader.about else self.about.outputs
        if sorted(names) != sorted(self.about.outputs):
            return answers
        return answers[:, [names.index(name) for name in self.about.outputs]]

    def _way(self, found, rows=None):
        """The scores of answers to the pictures `rows`, and how they compare with the model's."""
        rows = np.arange(len(found)) if rows is None else rows
        shown = [self.evidence.shown[row] for row in rows]
        compared = compare(self.task, self.expected[rows], found, shown)
        return {"pictures": len(found), **self._score(found, rows), **compared}

    def _score(self, answers, rows=slice(None)):
        """{headline score: {value, low, high}} of answers to the pictures `rows`."""
        name, evidence, outputs = headline(self.task.name), self.evidence, self.about.outputs
        groups = None if evidence.groups is None else evidence.groups[rows]
        targets = evidence.targets[rows]
        return {name: score_split(self.task.name, targets, answers, outputs, groups)[name]}

    def _latency(self, call):
        """Milliseconds of one picture: median, p95, how many were timed, on how many threads."""
        pixels, times = self.evidence.pixels, []
        for number in range(WARM_UP + TIMED):
            row = number % len(pixels)
            begun = time.perf_counter()
            call(pixels[row : row + 1])
            times.append(1000 * (time.perf_counter() - begun))
        median, late = np.percentile(times[WARM_UP:], [50, 95])
        return {"median": float(median), "p95": float(late), "runs": TIMED, "threads": cores()}

    def _encoded(self, reader):
        """The way of an app: from the file of a picture, by the runtime's own means."""
        if reader.answer_bytes is not None:
            how, answers = "decoded and resized by the file itself", self._by_file(reader)
        elif reader.size is None:
            how, answers = "decoded exactly, resized by the file itself", self._whole(reader)
        else:
            how = "decoded exactly, resized bilinearly without antialiasing, as phones do"
            answers = self._by_phone(reader)
        rows = [row for row, answer in enumerate(answers) if answer is not None]
        unread = [self.evidence.shown[row] for row, one in enumerate(answers) if one is None]
        found = {"how": how, "unread": unread}
        if rows:
            stacked = self._named(reader, np.stack([answers[row] for row in rows]))
            found |= self._way(stacked, np.array(rows))
        return found

    def _by_file(self, reader):
        """Answers of a file that decodes; None of what it does not read as training does."""
        files, answers = self.evidence.files, []
        for start in range(0, len(files), BATCH):
            data = [Path(file).read_bytes() for file in files[start : start + BATCH]]
            answers += reader.answer_bytes([None if _is_turned(one) else one for one in data])
        return answers

    def _whole(self, reader):
        def answer(file):
            picture = self._read(read_picture, file)
            return None if picture is None else reader.answers(picture[None])[0]

        return [answer(file) for file in self.evidence.files]

    def _by_phone(self, reader):
        if self._phone is None:
            size, how = self.about.image_size, self.about.resize

            def read(file):
                return self._read(lambda f, most: load_picture(f, size, how, most, "plain"), file)

            with ThreadPoolExecutor(WORKERS) as pool:
                self._phone = list(pool.map(read, self.evidence.files))
        good = [pixels for pixels in self._phone if pixels is not None]
        answers = iter(reader.answers(np.stack(good)) if good else ())
        return [None if pixels is None else next(answers) for pixels in self._phone]

    def _read(self, load, file):
        try:
            return load(file, self.evidence.max_pixels)
        except PictureError:  # it was read for training: the file has changed or gone since
            return None


def _judge_encoded(entry, reader):
    """A file that decodes pictures itself has to do that rightly too; of others it is told."""
    encoded = entry["encoded_bytes"]
    if reader.answer_bytes is not None:
        entry["limits"] = list(LIMITS)
        if encoded.get("agreement", 1.0) < AGREE and entry["passed"]:
            agreement = encoded["agreement"]
            why = f"answers {agreement:.1%} of encoded pictures as the model does; {AGREE:.0%}"
            entry |= {"passed": False, "told": True, "why": f"{why} are needed"}


def _is_turned(data):
    """Whether a camera noted that the picture is to be turned."""
    return open_picture(data).getexif().get(ORIENTATION, 1) != 1


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
