"""Model-agnostic meta-learning (Finn et al. 2017, arXiv:1703.03400): a start to learn quickly from.

In each episode a copy of the network takes `--inner-steps` of gradient descent on a class's few
examples; the network itself then takes a step of Adam down the loss of the copies on the examples
asked about. The gradient goes through the inner steps, second order and exact, unless
`--first-order` takes these as constants. `--inner head` adapts the head alone (ANIL, Raghu et al.
2020, arXiv:1909.09157).

Batch norms that train (all of a base without pretrained weights; of a pretrained one none, unless
`--batch-norm trained`) have no memory while it trains. The examples to learn from are normalised
by their own statistics. Those asked about are too, by theirs, as in the authors' code
(`--statistics query`, the default): this is transductive, an example's prediction depends on the
others that are asked about. `--statistics support` normalises them by the statistics of the
examples to learn from, so that each is predicted on its own.

The finished run is the start, not adapted: its norms get statistics of training examples, and its
head their class means. What an episode's head starts from is not part of it.
"""

from dataclasses import dataclass
from typing import Literal

from keras_transfer.backend import load_keras, load_tensorflow
from keras_transfer.errors import UserError
from keras_transfer.model.pooled import pooled_features
from keras_transfer.runtimes.keras import pack_inputs
from keras_transfer.strategies.common.batch_statistics import (
    momentum,
    trained_norms,
    twice_differentiable,
)
from keras_transfer.strategies.common.episode_loop import train_on_episodes
from keras_transfer.strategies.common.episodes import (
    MetaLearningSettings,
    check_settings,
    episode_stage,
    episode_training,
    finish,
)
from keras_transfer.strategies.common.optimizer import adam, warm_cosine
from keras_transfer.strategies.common.prototypes import episode_scores

WAYS = 5  # an adapted head is made for so many
EXACT, FIRST_ORDER = (0.4, 1), (0.1, 5)  # (rate, steps) inside an episode (docs/how-it-works.md)


@dataclass(frozen=True, kw_only=True)
class Settings(MetaLearningSettings):
    queries: int = 5
    """Examples of each class of an episode to be asked about."""
    train_episodes: int = 12_000
    """Episodes to train on."""
    episodes_a_step: int = 8
    """Episodes that one step of training sees together."""
    inner: Literal["all", "head"] = "all"
    """What an episode adapts: all that trains, or the head alone (ANIL)."""
    inner_rate: float | None = None
    """Learning rate inside an episode; by default 0.4, with --first-order 0.1."""
    inner_steps: int | None = None
    """Steps of gradient descent inside an episode; by default 1, with --first-order 5: its first
    step adapts the head alone."""
    first_order: bool = False
    """Take the inner gradients as constants: faster, and worse."""
    statistics: Literal["query", "support"] = "query"
    """What normalises the examples asked about: their own statistics, or those of the examples
    to learn from."""

    LIMITS = {"inner_rate": (1e-6, 100.0), "inner_steps": (1, 100)}  # noqa: RUF012


def check(config):
    """Refuse settings without a meaning for episodes."""
    check_settings(config)
    if config.precision.startswith("mixed"):
        found, advice = f"--precision {config.precision}", "Take --precision float32"
        raise UserError("gradients of gradients need float32", found, advice)


def stages(facts, config):
    """One training on episodes; a step is an epoch there."""
    return [episode_stage(config, WAYS)]


def fit(model, dataset, features, config):
    """Train the part of the base that `config.trainable` names; the head becomes class means."""
    _, training, history = meta_train(model, dataset, features, config)
    return finish(model, training, dataset, history)


def meta_train(model, dataset, features, config):
    """(the MamlLearner, its EpisodeTraining, the history) of a training on episodes."""
    if load_keras().config.dtype_policy().compute_dtype != "float32":
        found = f"--precision {config.precision} on this machine"
        raise UserError("gradients of gradients need float32", found, "Take --precision float32")
    training = episode_training(model, dataset, features, config, stages(None, config)[0], WAYS)
    rate = warm_cosine(training.rate, training.steps)
    learner = MamlLearner(training.network, training.pool.episode, config, adam(rate))
    norms = trained_norms(training.network)
    with momentum(norms, 0.0), twice_differentiable(norms):
        history = train_on_episodes(learner, training, dataset, config)
    return learner, training, history


class MamlLearner:
    """Steps of MAML on a network's pooled features and a head of an episode's ways.

    Everything inside an episode is a function of tensors (`keras.Model.stateless_call`).

    Args:
        network: with a layer `pool`; episode: Episode.
        config: gives inner, inner_rate, inner_steps, first_order, statistics.
        optimizer: of the outer steps; None where nothing is learned.

    Attributes:
        weights: all variables, those of the head last: kernel (f, ways) and bias (ways,).
    """

    def __init__(self, network, episode, config, optimizer=None):
        tf, keras = load_tensorflow(), load_keras()
        self.embedding = pooled_features(network)
        self.episode, self.config, self.optimizer = episode, config, optimizer
        rate, steps = FIRST_ORDER if config.first_order else EXACT
        self.inner_rate = rate if config.inner_rate is None else config.inner_rate
        self.inner_steps = steps if config.inner_steps is None else config.inner_steps
        size = self.embedding.output.shape[-1]
        dtype = self.embedding.output.dtype
        # classes come in any order: one that starts at random has to forget that first, and what
        # it had drawn disturbs the features (arXiv:2106.15367)
        self.head = [
            keras.Variable(tf.zeros((size, episode.ways)), dtype=dtype, name="kernel"),
            keras.Variable(tf.zeros(episode.ways), dtype=dtype, name="bias"),
        ]
        self.variables = [*self.embedding.trainable_variables, *self.head]
        self.weights = [*self.embedding.variables, *self.head]
        if optimizer is not None:
            optimizer.build(self.variables)
        self.gradient, self._apply = tf.function(self._gradient), tf.function(self._apply_all)
        self.logits = tf.function(self._adapted_logits)

    def step(self, inputs):
        """(loss, accuracy), means over a step's episodes; it learns from them."""
        tf, found = load_tensorflow(), []
        count = inputs[0].shape[0] // self.episode.examples
        parts = zip(*(tf.split(one, count) for one in inputs), strict=True)
        found = [self.gradient(list(part)) for part in parts]
        losses, accuracies, gradients = zip(*found, strict=True)
        self._apply([list(of_one) for of_one in gradients])
        return tf.reduce_mean(losses), tf.reduce_mean(accuracies)

    def score(self, inputs, ways):
        """The accuracy on an episode after adapting to it; of fewer ways, other heads are idle."""
        support, queries = self._split(inputs, ways)
        logits = self.logits(support, queries, self._labels(ways))
        return episode_scores(self._by_class(logits, ways))[1]

    def _apply_all(self, gradients):
        add, share = load_tensorflow().add_n, 1.0 / len(gradients)
        mean = [share * add(list(of_one)) for of_one in zip(*gradients, strict=True)]
        self.optimizer.apply(mean, self.variables)

    def _gradient(self, inputs):
        """(loss, accuracy, gradients for `variables`) of one episode."""
        ways = self.episode.ways
        support, queries = self._split(inputs, ways)
        with load_tensorflow().GradientTape() as tape:
            logits = self._adapted_logits(support, queries, self._labels(ways))
            loss, accuracy = episode_scores(self._by_class(logits, ways))
        return loss, accuracy, tape.gradient(loss, self.variables)

    def _split(self, inputs, ways):
        """The examples to learn from and those asked about, class by class."""
        tf, shots = load_tensorflow(), self.episode.shots
        own = [tf.reshape(one, [ways, -1, *one.shape[1:]]) for one in inputs]
        sides = [one[:, :shots] for one in own], [one[:, shots:] for one in own]
        return [[tf.reshape(o, [-1, *o.shape[2:]]) for o in side] for side in sides]

    def _by_class(self, logits, ways):
        return load_tensorflow().reshape(logits, [1, ways, -1, logits.shape[-1]])

    def _labels(self, ways):
        tf = load_tensorflow()
        return tf.repeat(tf.range(ways), self.episode.shots)

    def _adapted_logits(self, support, queries, labels):
        """Logits (queries, ways) of the network that learned from `support` with `labels`."""
        body = [variable.value for variable in self.embedding.trainable_variables]
        head = [variable.value for variable in self.head]
        for _ in range(self.inner_steps):
            body, head = self._inner_step(body, head, support, labels)
        if self.config.statistics == "query":
            features, _ = self._features(body, queries, True)
        else:
            _, statistics = self._features(body, support, True)
            features, _ = self._features(body, queries, False, statistics)
        return features @ head[0] + head[1]

    def _inner_step(self, body, head, support, labels):
        """(body, head) after a step of gradient descent."""
        tf, config = load_tensorflow(), self.config
        adapted = [*body, *head] if config.inner == "all" else head
        with tf.GradientTape() as tape:
            tape.watch(adapted)
            logits = self._features(body, support, True)[0] @ head[0] + head[1]
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
            loss = tf.reduce_mean(losses)
        gradients = tape.gradient(loss, adapted)
        if config.first_order:
            gradients = [tf.stop_gradient(gradient) for gradient in gradients]
        pairs = zip(adapted, gradients, strict=True)
        moved = [value - self.inner_rate * gradient for value, gradient in pairs]
        kept = body if config.inner == "head" else moved[:-2]
        return kept, moved[-2:]

    def _features(self, body, inputs, training, statistics=None):
        """(pooled features (n, f), what is not trained): of momentum 0 the batch's statistics."""
        if statistics is None:
            statistics = [one.value for one in self.embedding.non_trainable_variables]
        packed = pack_inputs(self.embedding, list(inputs))
        return self.embedding.stateless_call(body, statistics, packed, training=training)
