"""Prototypical networks (Snell et al. 2017, arXiv:1703.05175): an embedding trained on episodes.

In each episode the pooled features of a class's few examples are averaged to its prototype, and
the others are to lie nearest to the prototype of their own class, by squared Euclidean distance.
Afterwards new classes need no training: their prototypes are means.

Batch norms that train (all of a base without pretrained weights; of a pretrained one none, unless
`--batch-norm trained`) are normalised by the statistics of all examples of a step together, those
to learn from and those to ask about, as in the authors' code. The finished model normalises by
fixed statistics, estimated over training examples after the last step: what it predicts for an
example does not depend on others.
"""

from dataclasses import dataclass

from keras_transfer.backend import load_tensorflow
from keras_transfer.model.pooled import pooled_features
from keras_transfer.runtimes.keras import pack_inputs
from keras_transfer.strategies.common.episode_loop import train_on_episodes
from keras_transfer.strategies.common.episodes import (
    MetaLearningSettings,
    check_settings,
    episode_stage,
    episode_training,
    finish,
)
from keras_transfer.strategies.common.optimizer import scaled_adam, warm_cosine
from keras_transfer.strategies.common.prototypes import episode_scores, prototype_logits

WAYS = 30  # more than will be asked for at a time: the authors found it to help


@dataclass(frozen=True, kw_only=True)
class Settings(MetaLearningSettings):
    pass


def check(config):
    """Refuse settings without a meaning for episodes."""
    check_settings(config)


def stages(facts, config):
    """One training on episodes; a step is an epoch there."""
    return [episode_stage(config, WAYS)]


def fit(model, dataset, features, config):
    """Train the part of the base that `config.trainable` names; the head becomes class means."""
    training = episode_training(model, dataset, features, config, stages(None, config)[0], WAYS)
    learner = PrototypeLearner(training, warm_cosine(training.rate, training.steps))
    history = train_on_episodes(learner, training, dataset, config)
    return finish(model, training, dataset, history)


class PrototypeLearner:
    """Steps of a prototypical network.

    Attributes:
        weights: all variables of the embedding.
    """

    def __init__(self, training, rate):
        tf = load_tensorflow()
        self.embedding = pooled_features(training.network)
        self.episode, self.optimizer = training.pool.episode, scaled_adam(rate)
        self.variables = self.embedding.trainable_variables
        self.weights = self.embedding.variables
        self.optimizer.build(self.variables)
        self.step = tf.function(self._step)
        self.score = tf.function(self._score)

    def _logits(self, inputs, ways, training):
        tf, size = load_tensorflow(), self.episode.size
        packed = pack_inputs(self.embedding, list(inputs))
        features = tf.cast(self.embedding(packed, training=training), tf.float32)
        features = tf.reshape(features, [-1, ways, size, features.shape[-1]])
        return prototype_logits(features, self.episode.shots)

    def _step(self, inputs):
        """(loss, accuracy) of a step's episodes; it learns from them."""
        with load_tensorflow().GradientTape() as tape:
            loss, accuracy = episode_scores(self._logits(inputs, self.episode.ways, True))
            scaled = self.optimizer.scale_loss(loss)
        self.optimizer.apply(tape.gradient(scaled, self.variables), self.variables)
        return loss, accuracy

    def _score(self, inputs, ways):
        """The accuracy on episodes of so many classes that it does not learn from."""
        return episode_scores(self._logits(inputs, ways, True))[1]
