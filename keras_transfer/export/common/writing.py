"""The exports of one run: written, checked, and certified on examples that did not train it."""

from pathlib import Path

from keras_transfer import progress
from keras_transfer.errors import UserError
from keras_transfer.export import find_format, formats, require, write_format
from keras_transfer.export.certificate import record
from keras_transfer.export.certificate.examiner import Examiner
from keras_transfer.export.certificate.golden import keep_golden
from keras_transfer.export.certificate.non_inferiority import AGREE
from keras_transfer.export.common.network import Network
from keras_transfer.inputs.common.arrays import count


def write_exports(
    model, spec, folder, names, inputs, evaluation_set=None, max_drop=0.01, library=None
):
    """Write formats into `folder`, prove each on `inputs`, certify each on `evaluation_set`.

    Args:
        model: `keras.Model`; spec: its ModelSpec.
        folder: RUN/exports; what else it holds stays.
        names: of formats.
        inputs: a few examples, as the model takes them.
        evaluation_set: `export.certificate.evaluation_set.EvaluationSet`; None where the run's
            examples are gone: files are then compared with the model on `inputs` alone.
        max_drop: of the mean of `Task.example_scores`, that a file may lose.
        library: a folder with a package that files bring along, see `Format.check_library`.

    Returns:
        {format: its entry in `certificate.json`}; one that failed is there, too, with `passed`
        False.

    Raises:
        UserError: see `write_format`; before anything is written where a format is unknown, or
            needs what is not there. Formats before the one that failed are whole.
    """
    check_formats(names, evaluation_set, library)
    folder, network, entries = Path(folder), Network(model, spec, library), {}
    formed = {name: network.with_form(find_format(name).form) for name in names}
    examiner = evaluation_set and Examiner(network, evaluation_set, max_drop)
    if examiner:
        record(folder, {"schema": 2, "task": spec.task, "model": examiner.examine_model()})
    sample = evaluation_set and evaluation_set.sample
    with progress.bar("Exporting", len(names)) as advance:
        for name in names:
            # whatever happens now, nobody takes the old file's certificate for the new one's
            record(folder, {}, {name: None})
            expected = formed[name].runtime(inputs)
            exported, report = write_format(formed[name], name, folder, inputs, expected, sample)
            if examiner:
                entries[name] = _examine(examiner, folder, name, exported, report)
            else:
                path = report.pop("path")
                form = find_format(name)
                found = _unproven(formed[name], form, path, inputs, expected, exported)
                entries[name] = {"path": path.name, **report, **found}
            record(folder, {}, entries)
            advance()
    return entries


def _examine(examiner, folder, name, exported, report):
    """The entry of one file, its golden predictions kept; failures are reported."""
    path = report.pop("path")
    entry = examiner.examine(path, exported, find_format(name).exact)
    keep_golden(examiner, folder, name, exported)
    entry |= report
    if not entry["passed"]:
        safer = find_format(name).safer
        advice = f"; the next safer format is {safer}" if safer else ""
        progress.warn(f"{path.name} failed its certificate: it {entry['reason']}{advice}")
    agreement = entry.get("from_files", {}).get("agreement", 1.0)
    if agreement < AGREE and entry["passed"]:
        progress.warn(
            f"{path.name}: from files, resized as phones do, {agreement:.1%} of the predictions "
            "agree"
        )
    return entry


def _unproven(network, form, path, inputs, expected, exported):
    """What is known of a file without the run's examples."""
    if form.exact:
        reason = "predicts as the model does for a few examples"
        return {"passed": True, "conclusive": True, "reason": reason}
    task = network.task
    found = task.postprocess(exported.runtime(inputs))
    agreement = float(task.agreement(task.postprocess(expected), found).mean())
    others = f"of {count(inputs)} others {agreement:.0%} agree"
    reason = f"was not scored, since the run's examples are gone; {others}"
    progress.warn(f"{path.name} {reason}")
    return {"passed": agreement >= AGREE, "conclusive": False, "reason": reason}


def any_size(names):
    """The same formats for images of any size; a UserError for one that cannot have that."""
    return _turned(names, "any_size", "be for images of any size", "--dynamic-size")


def postprocessed(names):
    """The same formats whose files give predictions; a UserError for one that cannot have that."""
    return _turned(names, "postprocessed", "find boxes by itself", "--nms inside")


def _turned(names, field, wanted, flag):
    """The formats that a field of others names."""
    found = [getattr(find_format(name), field) for name in names]
    if not all(found):
        known = ", ".join(form.name for form in formats().values() if getattr(form, field))
        lacking = names[found.index("")]
        raise UserError(f"{lacking} cannot {wanted}", flag, f"These can: {known}")
    return tuple(found)


def check_formats(names, evaluation_set=True, library=None):
    """Refuse names that are no format, none at all, what needs examples that are gone, and a
    library that nobody needs or that is none."""
    if not names:
        raise UserError("no format named", "", f"Known: {', '.join(formats())}")
    for name in names:
        form = find_format(name)
        if form.calibrated and evaluation_set is None:
            advice = "Name them with --data, or in Python with export(..., data=)"
            raise UserError(f"{name} needs training examples, and the run's are gone", "", advice)
        require(form)
    if library is not None:
        checks = [check for name in names if (check := find_format(name).check_library)]
        if not checks:
            known = ", ".join(form.name for form in formats().values() if form.check_library)
            raise UserError("these formats need no --vendor", ", ".join(names), f"For {known}")
        for check in checks:
            check(library)
