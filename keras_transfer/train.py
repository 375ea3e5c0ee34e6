"""`python -m keras_transfer.train`, and `transfer()`: from labelled examples to a proven model.

Heavy imports stand inside the functions, so that `--help` is there at once.
"""

import contextlib
import os
import sys
import time
from pathlib import Path

from keras_transfer import progress
from keras_transfer.config import IN_MEMORY, base_name, make_config
from keras_transfer.errors import UserError

EXPORTS = ("saved_model", "tflite")


def transfer(data="demo", *, out=None, overwrite=False, quiet=False, **knobs):
    """Adapt a pretrained base to labelled examples.

    Args:
        data: what `--data` takes, a DataFrame (file_name, label[, split, group]), arrays
            (images uint8 (n, height, width, 3), labels (n,)), or a finite `tf.data.Dataset` of
            (image, label).
        out: the run's folder; overwrite: replace a run of that name; quiet: no progress.
        **knobs: the fields of `TrainConfig`, which are the flags of the command; `base` may be a
            `keras.Model` of your own, raw inputs in, feature map out.

    Returns:
        Run, with .metrics, .model, .history, .predictions, .predict(*paths), .export(*formats).

    Raises:
        UserError: where the command ends with exit code 2.
    """
    from keras_transfer.data.sources.specs import is_in_memory

    config = make_config(data=IN_MEMORY if is_in_memory(data) else str(data), **knobs)
    with progress.quietly(quiet):
        return run_transfer(config, data, out, overwrite)


def run_transfer(config, data, out=None, overwrite=False):
    """The whole way: examples -> dataset -> model -> strategy -> scores -> run -> files, report."""
    clock = Clock()
    with clock("import"):
        from keras_transfer.backend import among_devices, precision_and_seed
        from keras_transfer.bases.build import input_spec
        from keras_transfer.data.dataset import read_dataset
        from keras_transfer.data.sources.specs import read_source
        from keras_transfer.features.store import open_store
        from keras_transfer.model.factory import build_for, copy_model
        from keras_transfer.run.new_classes import score_new_classes, write_drawn
        from keras_transfer.run.recording import (
            finish,
            recording,
            spec_of,
            write_metrics,
            write_results,
        )
        from keras_transfer.run.scoring import score_model
        from keras_transfer.strategies import find_strategy, prepare_dataset, settle_config
        from keras_transfer.strategies.common.batch_size import settle_batch_size
        from keras_transfer.strategies.common.reliability import settle
        from keras_transfer.strategies.common.tensorboard import with_own_folder, write_scores
    with clock("read"):
        check(config)
        check_target(out, overwrite)
        source = read_source(data, config.task, config.modality)
        config = settle_config(config, source)
        spec = input_spec(config)
        dataset = prepare_dataset(read_dataset(source, spec, config), config)
    features = open_store(config.cache_features, config.feature_precision)
    target = choose_target(out, source.name, config)
    watched = with_own_folder(config, target)
    with recording(target, config, dataset, overwrite) as run:
        with precision_and_seed(config.precision, config.seed):
            with among_devices(config.devices):
                with clock("build"):
                    model = build_for(dataset, config)
                    watched = settle_batch_size(model, dataset, features, watched)
                with clock("fit"):
                    fitted = find_strategy(config.strategy).fit(model, dataset, features, watched)
            if config.devices != 1:
                fitted = fitted._replace(model=copy_model(fitted.model, dataset, config))
            clock.move("fit", "extract", features.seconds)
            with clock("evaluate"):
                reliability = settle(fitted, dataset, features, config)
                scores, found = score_model(fitted, dataset, features, reliability, config.seed)
                episodes, drawn = score_new_classes(fitted.model, dataset, features, config)
        # features of val and test are computed when they are asked for
        clock.move("evaluate", "extract", features.seconds - clock.seconds["extract"])
        with clock("write"):
            model_spec = spec_of(dataset, base_name(config.base), reliability.thresholds)
            write_results(run, fitted, model_spec, dataset, found, reliability)
            write_drawn(run, drawn)
            write_scores(watched.tensorboard, scores)
        with clock("export"):
            if config.export:
                export(run, fitted, model_spec, dataset, config.seed)
        write_metrics(run, scores, episodes, fitted, dataset, features, clock.read())
        with clock("report"):
            if config.report:
                report(run, dataset, fitted.model)
        finish(run, clock.read())
    return run


def check(config):
    """Refuse what cannot work before anything is read; the InputSpec of what will be read, if the
    task prefers no other."""
    from keras_transfer.backend import find_devices
    from keras_transfer.bases.build import build_base, input_spec
    from keras_transfer.features.cache import cache_limit
    from keras_transfer.features.choice import check_feature_precision
    from keras_transfer.model.keras_file import is_base_of
    from keras_transfer.model.trainable import check_part
    from keras_transfer.strategies import check_strategy
    from keras_transfer.strategies.common.tensorboard import check_tensorboard

    if config.devices != 1:
        find_devices(config.devices)
    check_tensorboard(config.tensorboard)
    spec = input_spec(config)
    check_strategy(config)
    check_feature_precision(config.feature_precision)
    cache_limit()
    if config.trainable != "auto":
        check_part(base_name(config.base), config.trainable)
    if config.weights not in ("auto", "imagenet", "none"):
        if not Path(config.weights).exists():
            advice = "Use auto, imagenet, none, or a file or run folder"
            raise UserError("no weights here", repr(config.weights), advice)
        # a file that does not fit is refused at once; a run's own base fits, and takes seconds
        if not is_base_of(config.weights, base_name(config.base)):
            build_base(config.base, None, config.weights, spec)
    return spec


def check_target(out, overwrite):
    """Refuse a folder for the run that is taken."""
    from keras_transfer.run.folder import check_free

    if out is not None:
        check_free(Path(os.path.abspath(out)) if out else Path(""), overwrite)


def choose_target(out, name, config):
    """The run's folder; by default the next free one of its name.

    Asked for only now: another run may have taken it while examples were read.
    """
    from keras_transfer.run.folder import next_folder

    if out is not None:
        return Path(os.path.abspath(out))
    return next_folder(name, base_name(config.base), config.strategy)


def export(run, fitted, spec, dataset, seed):
    """The default exports, proven and certified."""
    from keras_transfer.export.certificate.evaluation_set import draw_evaluation_set

    drawn = draw_evaluation_set(dataset, fitted.selected_on, seed)
    run.export_model(fitted.model, spec, EXPORTS, drawn)


def report(run, dataset, model):
    """report.html, with examples that are at hand and maps of what predictions rest on."""
    from keras_transfer.explain import quick_maps
    from keras_transfer.report.html import write_report

    references = {
        name: examples.reference(index)
        for examples in (dataset.examples, *dataset.new_classes.values())
        for index, name in enumerate(examples.table["shown"])
    }
    write_report(run, references, quick_maps(model))


class Clock:
    """Seconds of each step: `with clock("read"): ...`."""

    def __init__(self):
        self.begun = time.monotonic()
        self.seconds = {}

    @contextlib.contextmanager
    def __call__(self, step):
        begun = time.monotonic()
        yield
        self.seconds[step] = time.monotonic() - begun

    def move(self, source, target, seconds):
        """Count `seconds` of the step `source` to the step `target` instead."""
        self.seconds[source] -= seconds
        self.seconds[target] = self.seconds.get(target, 0.0) + seconds

    def read(self):
        """{step: seconds}, `total` first."""
        total = {"total": time.monotonic() - self.begun}
        return {step: round(value, 3) for step, value in {**total, **self.seconds}.items()}


if __name__ == "__main__":
    from keras_transfer.cli.train import main

    sys.exit(main())
