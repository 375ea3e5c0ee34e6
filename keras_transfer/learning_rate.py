"""`find_learning_rate()`, also `train --find-learning-rate`: which rate to train at.

No run is begun, and nothing is kept but features in the store and a figure.
"""

from pathlib import Path

from keras_transfer import progress
from keras_transfer.config import IN_MEMORY, make_config
from keras_transfer.errors import UserError

FIGURE = "learning_rate.svg"


def find_learning_rate(data="demo", *, out=None, overwrite=False, quiet=False, **knobs):
    """Find a learning rate by a range test (Smith 2015, arXiv:1506.01186) on examples of train.

    Args:
        data, quiet, **knobs: as of `transfer`; `learning_rate` is left out.
        out: a folder for the figure `learning_rate.svg`; overwrite: replace one of that name.
            Without `out` no figure is written.

    Returns:
        dict: `suggested`; `default`, the recipe's own rate; `highest_stable`, the rate before the
        loss rose; `stage`, what was tested; `reason`, a sentence; `steps`, of each its `rate`,
        `loss` and `smoothed` loss; `figure`, its path or None.

    Raises:
        UserError: where nothing is trained by gradient, and as of `transfer`.
    """
    from keras_transfer.data.sources.specs import is_in_memory

    config = make_config(data=IN_MEMORY if is_in_memory(data) else str(data), **knobs)
    with progress.quietly(quiet):
        return run_range_test(config, data, out, overwrite)


def run_range_test(config, data, out=None, overwrite=False):
    """The dict of `find_learning_rate` for a TrainConfig."""
    from dataclasses import replace

    from keras_transfer.backend import precision_and_seed
    from keras_transfer.bases.build import input_spec
    from keras_transfer.data.dataset import read_dataset
    from keras_transfer.data.sources.specs import read_source
    from keras_transfer.features.store import open_store
    from keras_transfer.model.factory import build_for
    from keras_transfer.report.learning_rate import facts_of_test
    from keras_transfer.strategies import settle_config
    from keras_transfer.strategies.common.batch_size import settle_batch_size
    from keras_transfer.strategies.common.rate_test import range_test
    from keras_transfer.train import check

    check_settings(config, out)
    check(config)
    config = replace(config, tensorboard=None)  # for runs alone
    source = read_source(data, config.task, config.modality)
    config = settle_config(config, source)
    training_of = check_trains(config, source.task)
    dataset = read_dataset(source, input_spec(config), config)
    features = open_store(config.cache_features, config.feature_precision)
    with precision_and_seed(config.precision, config.seed):
        model = build_for(dataset, config)
        config = settle_batch_size(model, dataset, features, config)
        network, fetch, few, stage = training_of(model, dataset, features, config)
        config = replace(config, batch_size=stage.recipe.batch_size)
        found = range_test(network, fetch, few, few.holdout.fit, config)
    facts = facts_of_test(found, stage)
    return {**facts, "figure": None if out is None else write_figure(facts, out, overwrite)}


def check_settings(config, out):
    """Refuse what cannot work before anything is read."""
    from keras_transfer.run.folder import read_info

    if config.learning_rate is not None:
        found = f"--learning-rate {config.learning_rate:g}"
        raise UserError("the learning rate is named already", found, "Leave one of both out")
    if out is None:
        return
    if Path(out).exists() and not Path(out).is_dir():
        raise UserError("--out is no folder", out, "Name a folder for the figure")
    if read_info(out):
        raise UserError("--out is the folder of a run", out, "Name another for the figure")


def check_trains(config, task):
    """The strategy's `first_training`; a UserError where it trains nothing by gradient.

    Args:
        task: the name of the task that the labels make.
    """
    from keras_transfer.strategies import Facts, find_strategy
    from keras_transfer.tasks import find_task

    strategy, any_size = find_strategy(config.strategy), Facts(2, 2, 2, "train", find_task(task))
    if not any(stage.epochs for stage in strategy.stages(any_size, config)):
        raise UserError(
            "a linear head is solved exactly, there is no learning rate to find",
            f"--strategy {config.strategy}",
            "Add --hidden-units, or take --strategy fine_tuning",
        )
    if not hasattr(strategy, "first_training"):
        raise UserError(
            "this strategy has no range test of learning rates", f"--strategy {config.strategy}"
        )
    return strategy.first_training


def write_figure(facts, folder, overwrite):
    """Write the figure into a folder, under a free name unless it may replace; its path, str."""
    from keras_transfer.environment import write_text
    from keras_transfer.figures.svg import to_svg_file
    from keras_transfer.report.learning_rate import figure_of_test

    file, number = Path(folder) / FIGURE, 1
    while file.exists() and not overwrite:
        number += 1
        file = file.with_name(f"{Path(FIGURE).stem}_{number}.svg")
    write_text(file, to_svg_file(figure_of_test(facts)))
    return str(file)
