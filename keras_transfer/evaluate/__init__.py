"""How good the answers are: scores with intervals, from predictions alone; no model is needed."""

from keras_transfer.evaluate.scores import HEADLINES, headline, score_split

__all__ = ["HEADLINES", "headline", "score_split"]
