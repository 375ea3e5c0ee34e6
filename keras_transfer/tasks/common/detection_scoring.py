"""How good detections are."""

import numpy as np

from keras_transfer.evaluate.boxes import alike, best_score, find, quality, score_shown
from keras_transfer.evaluate.detection import score_detection
from keras_transfer.inputs.common.arrays import as_tuple
from keras_transfer.tasks.common.detection_rows import detections_of, objects_of, scaled
from keras_transfer.tasks.common.protocol.exporting import POSTPROCESSED


class DetectionScoring:
    """A detector's part of `tasks.common.protocol.scoring`."""

    def log_losses(self, targets, predictions):
        """One less the quality of the detections of each image, each counting as sure as it is."""
        pairs = zip(objects_of(targets), detections_of(predictions), strict=True)
        return np.array([1.0 - quality(own, found, found[:, 5]) for own, found in pairs])

    def example_scores(self, targets, predictions):
        """The quality (`evaluate.boxes.quality`) of what is shown of each image (n,)."""
        pairs = zip(objects_of(targets), self.shown_of(predictions), strict=True)
        return np.array([quality(own, shown) for own, shown in pairs])

    def agreement(self, expected, found):
        """F1 at IoU 0.5 (n,) of what one model shows, where another's is taken for the objects."""
        pairs = zip(self.shown_of(expected), self.shown_of(found), strict=True)
        return np.array([alike(one[:, :5], other) for one, other in pairs])

    def apart(self, expected, found):
        """Differences of sides, 0 to 1 of the image, and scores, of boxes that both show."""
        differences = [np.zeros(0)]
        for one, other in zip(self.shown_of(expected), self.shown_of(found), strict=True):
            matched = find(one[:, :5], other).objects
            pairs = other[matched >= 0, 1:] - one[matched[matched >= 0], 1:]
            differences.append(np.abs(pairs).ravel())
        return np.concatenate(differences)

    def difference(self, expected, found):
        """Of raw outputs; of predictions, where a file gives these."""
        if self.form == POSTPROCESSED:
            expected, found = self.postprocess(expected), self.postprocess(found)
            lost = 1.0 - self.agreement(expected, found).min()
            return float(max(lost, self.apart(expected, found).max(initial=0.0)))
        parts = zip(as_tuple(expected), as_tuple(found), strict=True)
        return max(float(np.abs(a - b).max() / max(float(a.std()), 1e-9)) for a, b in parts)

    def score(self, targets, predictions, groups=None, seed=0):
        scale = targets[:, 0, 5]
        objects = [scaled(one, s) for one, s in zip(objects_of(targets), scale, strict=True)]
        found = [scaled(one, s) for one, s in zip(detections_of(predictions), scale, strict=True)]
        return score_detection(objects, found, list(self.outputs), groups, seed)

    def metric(self, targets, predictions):
        """The mean quality of all detections, each counting as sure as it is."""
        return 1.0 - float(self.log_losses(targets, predictions).mean())

    def choose_thresholds(self, targets, predictions, config):
        """{"score": {"threshold": from which on detections are shown, "f1": theirs, at IoU 0.5}}:
        that of the best F1."""
        score, f1 = best_score(objects_of(targets), detections_of(predictions))
        return {"score": {"threshold": score, "f1": f1}}

    def score_thresholds(self, thresholds, targets, predictions, groups=None, seed=0):
        """`shown`: precision, recall and F1 at IoU 0.5 of what is shown."""
        if "score" not in thresholds:
            return {}
        task, objects = self.decided(thresholds), objects_of(targets)
        found = score_shown(objects, task.shown_of(predictions), groups, seed)
        return {"shown": {"threshold": task.score_from, **found}}

    def shown_of(self, predictions):
        """Detections that are sure enough to be shown."""
        found = detections_of(predictions)
        return [one[one[:, 5] >= self.score_from] for one in found]
