"""`--tensorboard DIR`: the history as it happens, and the scores, as scalars for TensorBoard.

Written by TensorBoard's own package, not by TensorFlow, so that it works with every backend. A run
has a new folder below DIR, and each of its trainings one in there: TensorBoard lays their curves
over one another.
"""

import contextlib
import itertools
import re
import tempfile
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from keras_transfer.environment import cannot_write
from keras_transfer.errors import UserError
from keras_transfer.evaluate.draws import is_score


def check_tensorboard(folder):
    """Refuse `--tensorboard` where the package is missing or the folder cannot be written.

    Args:
        folder: what `config.tensorboard` holds; None asks for nothing.
    """
    if folder is None:
        return
    if find_spec("tensorboard") is None:
        advice = "pip install 'keras_transfer[tensorboard]'"
        raise UserError("--tensorboard needs a package that is missing", "tensorboard", advice)
    place = Path(folder).absolute()
    there = next(above for above in (place, *place.parents) if above.exists())
    try:
        with tempfile.TemporaryFile(dir=there):  # leaves nothing, not even the folder
            pass
    except OSError as error:
        raise cannot_write(place, error.strerror or error) from None


def with_own_folder(config, run_folder):
    """The TrainConfig with a new folder below `config.tensorboard`, called like the run.

    Args:
        run_folder: where the run will be; it replaces what stands there, logs among it.
    """
    if config.tensorboard is None:
        return config
    parent = Path(config.tensorboard).resolve()
    if parent.is_relative_to(Path(run_folder).resolve()):
        advice = "Name a folder beside it"
        raise UserError("--tensorboard lies in the run's own folder", parent, advice)
    return replace(config, tensorboard=str(_new_folder(parent, Path(run_folder).name)))


@contextlib.contextmanager
def scalars(folder, label):
    """A function of (row of a history, step) that writes the row's numbers at once.

    Args:
        folder: of the run, from `with_own_folder`; None writes nothing.
        label: of one training; a second one of a label gets a folder of its own.
    """
    if folder is None:
        yield lambda row, step: None
        return
    name = re.sub(r"\W+", "-", label.lower())
    with _writer(_new_folder(Path(folder), name)) as writer:

        def write(row, step):
            for tag, number in row.items():
                writer.add_scalar(tag, number, step)
            writer.flush()

        yield write


def write_scores(folder, splits):
    """The scores of a finished training: SPLIT/SCORE/value, low and high, at step 0.

    Args:
        folder: as of `scalars`; splits: those of metrics.json.
    """
    if folder is None:
        return
    with _writer(Path(folder)) as writer:
        for split, scores in splits.items():
            for name, score in scores.items():
                for end in score if is_score(score) else ():
                    if score[end] is not None:
                        writer.add_scalar(f"{split}/{name}/{end}", score[end], 0)


@contextlib.contextmanager
def _writer(folder):
    from tensorboard.summary import Writer

    writer = Writer(str(folder))
    try:
        yield writer
    finally:
        writer.close()


def _new_folder(parent, name):
    """Make a folder `name` that was not there: NAME, NAME-2, ..."""
    for number in itertools.count(1):
        folder = parent / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise cannot_write(folder, error.strerror or error) from None
        return folder
    raise AssertionError("numbers do not end")
