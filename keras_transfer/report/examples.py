"""Examples to look at: the worst, the least certain, and a few of each class."""

from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from keras_transfer.errors import ExampleError
from keras_transfer.explain.common.network import resize_maps
from keras_transfer.explain.common.overlay import overlay
from keras_transfer.inputs.common.arrays import stack, take
from keras_transfer.report.numbers import percent
from keras_transfer.run.examples import least_certain, worst

MOST = 12
MOST_CLASSES = 20  # of which examples are shown
OF_A_CLASS = 3
SIDE, SMALL_SIDE, DRAWN_SIDE = 160, 96, 320  # pixels
BUDGET = 1_900_000  # bytes of all thumbnails: a report fits into an e-mail


class Shown(NamedTuple):
    """An example on the page: HTML that shows it (None without), its name, and what is to say."""

    image: Any
    overlay: Any
    name: str
    facts: tuple[tuple[str, str], ...] = ()


class EpisodeClass(NamedTuple):
    """A class of an episode: Shown of what was learned from, and of what was then predicted."""

    name: str
    support: list[Shown]
    queries: list[Shown]


class Gallery:
    """Makes thumbnails of a run's examples, as long as there is room.

    Args:
        modality: shows an example; inputs: the model's InputSpec.
        references: {name of an example: path of a file, or an array}.
        digests: {name: sha256 of its contents}: a file that has changed since is not shown.
        explain: as for `report.html.write_report`.
    """

    def __init__(self, modality, inputs, references, digests, explain=None):
        self.modality, self.inputs, self.explain = modality, inputs, explain
        self.references, self.digests = references, digests
        self.room = BUDGET
        self._maps = {}  # by name of the example

    def worst(self, scored):
        """Shown: the mistakes that the model was surest of, or the largest errors."""
        return self._scored(scored, worst(scored, MOST))

    def least_certain(self, scored):
        """Shown: what the model is least sure of."""
        return self._scored(scored, least_certain(scored, MOST))

    def of_classes(self, members):
        """{class: Shown of a few}, for {class: names of its examples}; empty for many classes."""
        if not self.references or not 0 < len(members) <= MOST_CLASSES:
            return {}
        chosen = {name: _spread(paths) for name, paths in members.items()}
        flat = [(path, name) for name, paths in chosen.items() for path in paths]
        images = iter(self._thumbnails(flat))
        found = {n: [Shown(next(images), None, path) for path in p] for n, p in chosen.items()}
        return found if any(one.image for shown in found.values() for one in shown) else {}

    def of_episodes(self, episodes):
        """[[EpisodeClass]] of a few episodes; empty without examples to show.

        Args:
            episodes: as of `run.new_classes.describe_episodes`.
        """
        texts = [
            (path, row["class"])
            for rows in episodes
            for row in rows
            for path in (*row["support"], *(query["path"] for query in row["queries"]))
        ]
        images = iter(self._thumbnails(texts, SMALL_SIDE))
        found = [[_episode_class(row, images) for row in rows] for rows in episodes]
        shown = (one for rows in found for row in rows for one in (*row.support, *row.queries))
        return found if any(one.image for one in shown) else []

    def _scored(self, scored, indices):
        rows = scored.table.iloc[indices]
        texts = list(zip(rows["path"], rows["label"], strict=True))
        if scored.task.draws:
            images, overlays = self._drawn(scored, indices, texts)
        else:
            images, overlays = self._thumbnails(texts), self._overlays(texts)
        sure = scored.task.confidence(scored.predictions)
        found = []
        for place, index in enumerate(indices):
            row = rows.iloc[place]
            facts = [("predicted", row["predicted"] or "none")]
            if not scored.task.draws:  # else it is seen
                facts.insert(0, ("true", row["label"] or "none"))
            if sure is not None:
                facts.append(("confidence", percent(sure[index])))
            found.append(Shown(images[place], overlays[place], row["path"], tuple(facts)))
        return found

    def _drawn(self, scored, indices, texts):
        """(HTML or None, HTML or None) for each: what is right and wrong, drawn into it."""
        found = [[], []]
        for index, (name, _) in zip(indices, texts, strict=True):
            loaded, images = self._load(name), [None, None]
            if loaded is not None:
                prediction, target = (
                    take(one, index) for one in (scored.predictions, scored.targets)
                )
                drawn = scored.task.draw_errors(loaded[1], prediction, target)
                texts = (f"predicted for {name}", f"true of {name}")
                for place, (pixels, text) in enumerate(zip(drawn, texts, strict=False)):
                    html = self.modality.thumbnail(pixels, DRAWN_SIDE, text)
                    images[place] = self._within_budget(html)
            for column, image in zip(found, images, strict=True):
                column.append(image)
        return found

    def _thumbnails(self, texts, side=SIDE):
        """HTML or None for each (name of an example, what to call it)."""

        def thumbnail(pair):
            reference = self._read(pair[0])
            return None if reference is None else self.modality.thumbnail(reference, side, pair[1])

        with ThreadPoolExecutor() as pool:
            return [self._within_budget(image) for image in pool.map(thumbnail, texts)]

    def _within_budget(self, image):
        if image is None or len(image) > self.room:
            return None
        self.room -= len(image)
        return image

    def _read(self, name):
        """What an example is read from; None where it is gone or is another by now."""
        reference = self.references.get(name)
        if not isinstance(reference, str | Path):
            return reference
        try:
            data = Path(reference).read_bytes()
        except OSError:
            return None
        return data if sha256(data).hexdigest() == self.digests.get(name) else None

    def _overlays(self, texts):
        """HTML or None for each: what its prediction rests on."""
        overlays = [None] * len(texts)
        if self.explain is None:
            return overlays
        self._explain([name for name, _ in texts if name not in self._maps])
        for place, (name, label) in enumerate(texts):
            if self._maps[name] is not None:
                text = f"what the prediction rests on, {label}"
                image = self.modality.thumbnail(self._maps[name], SIDE, text)
                overlays[place] = self._within_budget(image)
        return overlays

    def _explain(self, names):
        """Make the map over each of these examples, None where it cannot be read."""
        loaded = {name: self._load(name) for name in names}
        self._maps |= dict.fromkeys(names)
        loaded = {name: both for name, both in loaded.items() if both is not None}
        if not loaded:
            return
        maps = self.explain(stack([arrays for arrays, _ in loaded.values()]))
        for (name, (_, pixels)), heat in zip(loaded.items(), maps, strict=True):
            heat = resize_maps(heat[None], *pixels.shape[:2])[0]
            self._maps[name] = overlay(pixels, heat)

    def _load(self, name):
        """(what the model takes of an example, pixels to show); None where it cannot be read."""
        reference = self._read(name)
        if reference is None:
            return None
        try:
            arrays = self.modality.load(reference, self.inputs).arrays
            return arrays, self.modality.show(reference, self.inputs)
        except ExampleError:
            return None


def _episode_class(row, images):
    """The EpisodeClass of a row; `images`: an iterator of its thumbnails, and of more."""
    support = [Shown(next(images), None, path) for path in row["support"]]
    queries = [
        Shown(next(images), None, query["path"], (("predicted", query["predicted"]),))
        for query in row["queries"]
    ]
    return EpisodeClass(row["class"], support, queries)


def _spread(paths):
    """A few of many, spread over their order."""
    places = np.unique(np.linspace(0, len(paths) - 1, OF_A_CLASS).round().astype(int))
    return [paths[place] for place in places]
