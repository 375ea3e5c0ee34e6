"""`report.html`: a run for people, in one file that needs nothing beside it."""

import re
from pathlib import Path

from keras_transfer.environment import write_text
from keras_transfer.errors import UserError
from keras_transfer.evaluate.figures import Matrix
from keras_transfer.figures.svg import to_svg
from keras_transfer.inputs import find_modality
from keras_transfer.model.keras_file import read_spec
from keras_transfer.report.data import read_data
from keras_transfer.report.doubt import describe_doubt
from keras_transfer.report.examples import Gallery
from keras_transfer.report.summary import Facts, summarise
from keras_transfer.report.tables import (
    command,
    config_tables,
    export_table,
    part_tables,
    score_table,
)
from keras_transfer.run.figures import history_figures
from keras_transfer.run.folder import PARTIAL
from keras_transfer.run.results import find_references, read_scored
from keras_transfer.tasks import load_task

NAME = "report.html"
COLUMN = 400  # units of a figure's width, above which it gets the whole page's


def write_report(run, thumbnails=None, explain=None, out=None):
    """Write a run's report; the same run gives the same bytes.

    Args:
        run: `run.folder.Run`.
        thumbnails: {name of an example in the run's tables: path of its file, or its array}; by
            default they are looked for where the run's data was, and the report says so where
            they are gone.
        explain: function of the model's inputs (n, ...) that gives maps (n, height, width) of
            0..1, shown over the examples; None for none.
        out: the file; by default `RUN/report.html`.

    Returns: the file's Path.
    Raises: UserError where the file cannot be written.
    """
    file = run.folder / NAME if out is None else Path(out)
    if file.is_dir():  # which a file would replace, with all that is in it
        raise UserError("the report needs the name of a file", file, f"Add /{NAME}")
    write_text(file, render(run, thumbnails, explain))
    return file


def render(run, thumbnails=None, explain=None):
    """The text of the page."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader(Path(__file__).parent)
    settings = {"trim_blocks": True, "lstrip_blocks": True, "undefined": StrictUndefined}
    page = Environment(loader=loader, autoescape=True, **settings).get_template("page.html")
    return page.render(contents(run, thumbnails, explain))


def contents(run, thumbnails=None, explain=None):
    """All that the page shows: {name in the template: value}."""
    spec, metrics, config = read_spec(run.folder / "model.keras"), run.metrics, run.config
    task = load_task(spec)
    *others, (split, scores) = metrics["splits"].items()
    data, certificate, history = read_data(run, task), run.certificate, run.history
    reliability = run.reliability
    facts = Facts(
        split,
        scores,
        dict(others),
        task.headline,
        data.training,
        data.duplicates,
        metrics["examples"]["skipped"],
        history.to_dict("records"),
        reliability,
        config,
        certificate,
    )
    good, weak, following = summarise(facts)
    changed, every = config_tables(config)
    return {
        "name": run.folder.name.removesuffix(PARTIAL),
        "subtitle": _subtitle(metrics, task, config),
        "version": run.info["versions"]["keras_transfer"],
        "split": split,
        "good": good,
        "weak": weak,
        "following": following,
        "scores": score_table(metrics["splits"], task.headline),
        "parts": part_tables(scores),
        "history": [_drawn(figure) for figure in history_figures(history)],
        "doubt": describe_doubt(reliability, metrics["splits"]),
        "data": data,
        "exports": export_table(certificate, task.headline),
        "changed": changed,
        "every": every,
        "command": command(config),
        "versions": run.info["versions"],
        "style": _markup((Path(__file__).parent / "style.css").read_text(encoding="utf-8")),
        **_examples(run, spec, data, thumbnails, explain),
    }


def _examples(run, spec, data, thumbnails, explain):
    """The task's figures and the examples that are shown, or one line why there are none."""
    missing = ""
    if thumbnails is None:
        try:
            thumbnails = find_references(run)
        except UserError as error:
            thumbnails, missing = {}, f"The examples cannot be shown: {error}."
    modality = find_modality(spec.inputs.modality)
    gallery = Gallery(modality, spec.inputs, thumbnails, data.digests, explain)
    scored = read_scored(run)
    figures = scored.task.figures(scored.targets, scored.predictions) if scored else ()
    sure = scored is not None and scored.task.confidence(scored.predictions) is not None
    return {
        "figures": [_drawn(figure) for figure in figures],
        "worst_title": "Mistakes it was surest of" if sure else "Largest errors",
        "worst": _marked(gallery.worst(scored)) if scored else [],
        "least_certain": _marked(gallery.least_certain(scored)) if scored else [],
        "classes": {n: _marked(shown) for n, shown in gallery.of_classes(data.members).items()},
        "missing": missing,
    }


def _subtitle(metrics, task, config):
    names = ", ".join(task.outputs[:8])
    more = f" and {len(task.outputs) - 8} more" if len(task.outputs) > 8 else ""
    return f"{task.name} of {names}{more}; {config.base}, {config.strategy}"


def _drawn(figure):
    """A figure with its SVG and whether it needs the page's whole width."""
    svg = to_svg(figure)
    width = float(re.search(r'viewBox="0 0 ([\d.]+)', svg)[1])
    wide = isinstance(figure, Matrix) and width > COLUMN
    return {"figure": figure, "svg": _markup(svg), "width": round(width), "wide": wide}


def _marked(shown):
    """Examples whose HTML is not escaped once more."""
    return [one._replace(image=_markup(one.image), overlay=_markup(one.overlay)) for one in shown]


def _markup(html):
    from markupsafe import Markup

    return None if html is None else Markup(html)
