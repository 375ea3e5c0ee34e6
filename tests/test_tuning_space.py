"""What a search tries: settings that are taken, the usual ones first."""

from collections import Counter

import pytest

from keras_transfer.config import make_config
from keras_transfer.errors import UserError
from keras_transfer.strategies import check_strategy
from keras_transfer.tasks.classification import Classification
from keras_transfer.tasks.multilabel import Multilabel
from keras_transfer.tasks.regression import Regression
from keras_transfer.tasks.segmentation import Segmentation
from keras_transfer.tuning.space import (
    DEFAULT,
    SEARCH,
    check_search,
    first_trials,
    parts_of,
    suggest,
)
from tests.support.tuning import START

optuna = pytest.importorskip("optuna")


def test_every_suggestion_is_a_configuration_that_a_strategy_takes():
    study, seen = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0)), Counter()
    for _ in range(150):
        values = suggest(study.ask(), tuple(SEARCH), START)
        config = make_config(**values)
        check_strategy(config)
        assert config.weights == ("auto" if config.base == "efficientnet_lite0" else "some.h5")
        seen[config.strategy] += 1
        assert ("learning_rate" in values) == (config.strategy == "fine_tuning")
    assert set(seen) == {"feature_extraction", "fine_tuning", "few_shot"}


def test_names_to_search():
    assert check_search(()) == tuple(name for name in SEARCH if name in DEFAULT)
    assert check_search(("mixup", "strategy")) == ("strategy", "mixup")
    with pytest.raises(UserError, match="learning_rate"):
        check_search(("learningrate",))


def test_the_defaults_come_first_then_each_strategys_own():
    found = first_trials(DEFAULT, START)
    strategies = [one["strategy"] for one, fixed in found if fixed]
    assert strategies == ["fine_tuning", "feature_extraction", "few_shot"]
    near = [one for one, fixed in found if not fixed]
    part = "trainable of efficientnet_lite0"
    assert [one[part] for one in near] == ["all", "block6", "block6"]
    assert [one["augment"] for one in near] == ["light", "none", "standard"]
    several = START._replace(task=Multilabel)
    assert len([one for one, fixed in first_trials(DEFAULT, several) if fixed]) == 2
    assert len(first_trials(("mixup",), START)) == 1
    whole = START._replace(task=Regression)
    assert next(one[part] for one, fixed in first_trials(DEFAULT, whole) if not fixed) == "block6"


def test_what_comes_first_is_among_what_is_searched():
    study = optuna.create_study()
    for parameters, fixed in first_trials(DEFAULT, START):
        study.enqueue_trial(parameters)
        trial = study.ask()
        suggest(trial, ("strategy",) if fixed else check_search(()), START)
        assert trial.params == parameters


def test_parts_of_every_base_are_parts_of_it():
    from keras_transfer.bases.table import BASES

    for name, base in BASES.items():
        for task in (Classification, Regression, Segmentation):
            *stages, whole = parts_of(START._replace(values={"base": name}, task=task))
            assert whole == "all"
            assert task.usual_part(base) in [*stages, "all"]
            assert stages == [stage for stage, _ in base.stages if stage in stages]


def test_the_usual_part_of_a_segmentation_begins_lower():
    part = "trainable of efficientnet_lite0"
    near = first_trials(DEFAULT, START._replace(task=Segmentation))
    assert [one[part] for one, fixed in near if not fixed] == ["all", "block5", "block5"]
