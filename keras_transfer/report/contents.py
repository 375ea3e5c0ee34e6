"""All that `report.html` shows, gathered from a run."""

from keras_transfer.errors import UserError
from keras_transfer.inputs import find_modality
from keras_transfer.model.keras_file import read_spec
from keras_transfer.report.data import read_data
from keras_transfer.report.doubt import describe_doubt
from keras_transfer.report.examples import Gallery
from keras_transfer.report.new_classes import describe_new_classes
from keras_transfer.report.pages import drawn
from keras_transfer.report.summary import Facts, summarise
from keras_transfer.report.tables import (
    command,
    config_tables,
    export_table,
    is_score,
    part_tables,
    score_table,
)
from keras_transfer.run.examples import find_references
from keras_transfer.run.figures import history_figures
from keras_transfer.run.folder import PARTIAL
from keras_transfer.run.new_classes import read_drawn
from keras_transfer.run.scored import read_last_split
from keras_transfer.tasks import load_task


def contents(run, thumbnails=None, explain=None):
    """{name in the template: value}; arguments as of `report.html.write_report`."""
    spec, metrics = read_spec(run.folder / "model.keras"), run.metrics
    task = load_task(spec)
    _check_scores(run, task.headline)
    data = read_data(run, task)
    good, weak, following = summarise(_facts(run, metrics, task, data))
    return {
        "name": run.folder.name.removesuffix(PARTIAL),
        "subtitle": _subtitle(task, run.config),
        "good": good,
        "weak": weak,
        "following": following,
        "data": data,
        "history": [drawn(figure) for figure in history_figures(run.history, task)],
        **_numbers(run, metrics["splits"], task.headline),
        **_repeating(run),
        **_examples(run, spec, data, thumbnails, explain),
    }


def _check_scores(run, headline):
    splits = run.metrics["splits"]
    if not splits or not all(is_score(scores.get(headline)) for scores in splits.values()):
        raise UserError("metrics.json is damaged", f"{run.folder}: no {headline}")


def _facts(run, metrics, task, data):
    *others, (split, scores) = metrics["splits"].items()
    return Facts(
        split,
        scores,
        dict(others),
        task.headline,
        data.training,
        data.duplicates,
        metrics["examples"]["skipped"],
        task.class_score,
        run.history.to_dict("records"),
        run.reliability,
        run.config,
        run.certificate,
    )


def _numbers(run, splits, headline):
    split, scores = list(splits.items())[-1]
    new_classes = describe_new_classes(run.metrics.get("episodes"))
    return {
        "split": split,
        "scores": score_table(splits, headline),
        "parts": part_tables(scores),
        "doubt": describe_doubt(run.reliability, splits),
        "new_classes": new_classes,
        "shots": drawn(new_classes.figure) if new_classes else None,
        "exports": export_table(run.certificate, headline),
    }


def _repeating(run):
    changed, every = config_tables(run.config)
    return {
        "changed": changed,
        "every": every,
        "command": command(run.config),
        "versions": run.info["versions"],
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
    scored = read_last_split(run)
    figures = scored.task.figures(scored.targets, scored.predictions)
    sure = scored.task.confidence(scored.predictions) is not None
    return {
        "figures": [drawn(figure) for figure in figures],
        "worst_title": "Mistakes it was surest of" if sure else "Largest errors",
        "large": scored.task.draws,
        "legend": _legend(scored.task),
        "worst": _marked(gallery.worst(scored)),
        "least_certain": _marked(gallery.least_certain(scored)),
        "classes": {n: _marked(shown) for n, shown in gallery.of_classes(data.members).items()},
        "episodes": _episodes(gallery, read_drawn(run)),
        "missing": missing,
    }


def _legend(task):
    """(a sentence, [(name, colour)]) of what is drawn into examples."""
    sentence, colours = task.draw_legend()
    return sentence, [
        (name, "#{:02x}{:02x}{:02x}".format(*shade)) for name, shade in colours.items()
    ]


def _episodes(gallery, drawn):
    """Episodes to look at, of the last split with new classes; none without any."""
    shown = gallery.of_episodes(list(drawn.values())[-1]) if drawn else []
    return [
        [row._replace(support=_marked(row.support), queries=_marked(row.queries)) for row in rows]
        for rows in shown
    ]


def _subtitle(task, config):
    names = ", ".join(task.outputs[:8])
    more = f" and {len(task.outputs) - 8} more" if len(task.outputs) > 8 else ""
    return f"{task.name} of {names}{more}; {config.base}, {config.strategy}"


def _marked(shown):
    """Examples whose HTML is not escaped once more."""
    return [one._replace(image=_markup(one.image), overlay=_markup(one.overlay)) for one in shown]


def _markup(html):
    from markupsafe import Markup

    return None if html is None else Markup(html)
