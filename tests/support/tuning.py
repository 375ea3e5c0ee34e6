"""What tests of a search start from."""

from keras_transfer.choosing.candidates import Candidate
from keras_transfer.config import make_config
from keras_transfer.tasks.classification import Classification
from keras_transfer.tuning.space import Chosen

BASES = (Candidate("efficientnet_lite0"), Candidate("mobilenet", "some.h5"))
START = Chosen(make_config(strategy="fine_tuning"), {}, BASES, Classification)
