"""What training would see: examples, and augmented views of them beside each, as one image."""

import numpy as np

from keras_transfer.bases.build import input_spec
from keras_transfer.data.dataset import encode_labels
from keras_transfer.data.examples import name_skipped, read_examples
from keras_transfer.data.sources.specs import read_source
from keras_transfer.environment import atomic_write
from keras_transfer.errors import UserError
from keras_transfer.inputs import find_modality
from keras_transfer.inputs.common.arrays import take
from keras_transfer.strategies import settle_config
from keras_transfer.tasks import find_task, make_task

SIDE, GAP, MARGIN = 128, 6, 22  # pixels: of a view, between two, above a row for its name
LETTERS = 40  # of an example's name


def contact_sheet(data, config, rows=6, views=6):
    """(the sheet, RGB pixels uint8 (height, width, 3), names of the examples).

    Args:
        data: SPEC; config: gives augment, seed, task and the modality's settings.
        rows: how many examples, of as many classes as there are; views: of each, the plain one
            first.

    Raises: UserError for no augmentation, or examples that cannot be read or shown.
    """
    if config.augment in ("auto", "none"):
        advice = "Name one, for example --augment light"
        raise UserError(
            "check shows what an augmentation does", f"--augment {config.augment}", advice
        )
    source = read_source(data, config.task, config.modality)
    spec = input_spec(settle_config(config, source))
    examples = read_examples(_some(source, rows), spec)
    if not len(examples):
        raise UserError(
            "none of the first examples can be read", examples.skipped["reason"].iloc[0]
        )
    name_skipped(examples)
    modality = find_modality(config.modality)
    task = make_task(source.task, list(examples.table["label"]), np.ones(len(examples), bool))
    task = task.for_inputs(spec)
    name = modality.augmentation_for(config.augment, config, task.turned)
    wanted = [None, *((name, config.seed, number) for number in range(1, views))]
    drawn = [_row(examples, index, wanted, modality) for index in range(len(examples))]
    if task.draws:
        drawn = _with_targets(drawn, examples, wanted, task)
    names = list(examples.table["shown"])
    if not task.draws:
        texts = map(task.label_text, examples.table["label"])
        names = [f"{name}: {text}" for name, text in zip(names, texts, strict=True)]
    return _sheet(drawn, names), names


def _with_targets(drawn, examples, wanted, task):
    """The same pixels with the targets of each view in them, which move with it."""
    labels = list(examples.table["label"])
    targets, found = encode_labels(task, examples, labels), []
    for place, row in enumerate(drawn):
        digests = [examples.digests[place]] * len(row)
        moved = examples.modality.movements(digests, wanted, examples.spec)
        own = task.move(np.repeat(targets[place : place + 1], len(row), axis=0), moved)
        found.append([task.draw_target(one, of) for one, of in zip(row, own, strict=True)])
    return found


def _some(source, count):
    """The Source with a few rows, from one class after the other."""
    from dataclasses import replace

    strata = find_task(source.task).strata(list(source.table["label"]))
    table = source.table.assign(label=[str(stratum) for stratum in strata])
    order = table.groupby("label").cumcount().sort_values(kind="stable").index[:count]
    return replace(source, table=source.table.loc[order].reset_index(drop=True))


def _row(examples, index, wanted, modality):
    """The views of an example, as pixels."""
    found = [examples.views(np.array([index]), [view]) for view in wanted]
    return [modality.shown_pixels(take(one, 0)) for one in found]


def _sheet(rows, names):
    from PIL import Image, ImageDraw

    width = GAP + len(rows[0]) * (SIDE + GAP)
    sheet = Image.new("RGB", (width, GAP + len(rows) * (MARGIN + SIDE + GAP)), "white")
    pen = ImageDraw.Draw(sheet)
    for number, (views, name) in enumerate(zip(rows, names, strict=True)):
        top = GAP + number * (MARGIN + SIDE + GAP)
        pen.text((GAP, top + 4), name[-LETTERS:], fill="black")
        for place, pixels in enumerate(views):
            view = Image.fromarray(pixels).resize((SIDE, SIDE))
            sheet.paste(view, (GAP + place * (SIDE + GAP), top + MARGIN))
    return np.asarray(sheet)


def write_sheet(pixels, path):
    """Write the sheet as a PNG file, whole."""
    from PIL import Image

    with atomic_write(path) as fresh:
        Image.fromarray(pixels).save(fresh, format="PNG")
