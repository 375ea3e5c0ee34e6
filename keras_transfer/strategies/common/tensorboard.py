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

from keras_transfer import progress
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
    if not folder:
        raise UserError("--tensorboard is empty", repr(folder), "Name a folder")
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
    with _writer(lambda: _new_folder(Path(folder), name)) as write:
        yield write


def write_scores(folder, splits):
    """The scores of a finished training: SPLIT/SCORE/value, low and high, at step 0.

    Args:
        folder: as of `scalars`; splits: those of metrics.json.
    """
    if folder is None:
        return
    row = {
        f"{split}/{name}/{end}": score[end]
        for split, scores in splits.items()
        for name, score in scores.items()
        for end in (score if is_score(score) else ())
        if score[end] is not None
    }
    with _writer(lambda: Path(folder)) as write:
        write(row, 0)


@contextlib.contextmanager
def _writer(make_folder):
    """A function of (row of a history, step) that writes its numbers into a new file at once.

    A full disk costs a remark and what would have been written: a training is worth more.
    """
    from tensorboard.compat import tf
    from tensorboard.summary import Writer

    writer = None

    def attempt(act):
        nonlocal writer
        try:
            act()
        except (OSError, UserError, tf.errors.OpError) as error:
            writer = None
            progress.warn(f"no more is written for TensorBoard: {_first_line(error)}")

    def begin():
        nonlocal writer
        writer = Writer(str(make_folder()))

    def write(row, step):
        for tag, number in row.items():
            writer.add_scalar(tag, number, step)
        writer.flush()

    attempt(begin)
    try:
        yield lambda row, step: attempt(lambda: write(row, step)) if writer else None
    finally:
        if writer:
            attempt(lambda: writer.close())


def _first_line(error):
    """What an error says, in one line."""
    return (str(error).splitlines() or [type(error).__name__])[0]


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
