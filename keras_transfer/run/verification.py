"""`--verify-load`: a run is loaded in a process of its own and scored again."""

import json
import subprocess
import sys

import numpy as np

from keras_transfer.errors import UserError
from keras_transfer.inputs.common.arrays import take
from keras_transfer.run.folder import Run
from keras_transfer.run.reading import read_again

NEAR = 1e-3  # of a score: stored features may come from another engine than Keras


def verify_load(run):
    """Score a finished run in a fresh process; what it says beside `metrics.json`.

    Returns:
        {"equal": whether all scores are the same, "differences": [(split, score, then, now)]}.

    Raises:
        UserError: the examples it was scored on are not there any more.
    """
    done = subprocess.run(
        [sys.executable, "-m", "keras_transfer.run.verification", str(run.folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        reason = (done.stderr.strip() or "no reason given").splitlines()[-1]
        raise UserError("the run cannot be loaded in a process of its own", reason)
    then, now = run.metrics["splits"], json.loads(done.stdout.splitlines()[-1])
    differences = [
        (split, name, one, now[split][name])
        for split, scores in then.items()
        for name, one in scores.items()
        if not _alike(one, now[split][name])
    ]
    return {"equal": not differences, "differences": differences}


def _alike(one, other):
    """Whether two scores of `metrics.json` are the same: counts exactly, numbers to NEAR."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_alike(one[key], other[key]) for key in one)
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= NEAR * max(1.0, abs(one))
    return one == other


def score_again(folder):
    """The `splits` of `metrics.json`, computed from the model in the run's file."""
    from keras_transfer.evaluate.splits import score_splits

    run = Run.open(folder)
    if any(scores.get("cross_validated") for scores in run.metrics["splits"].values()):
        advice = "Leave --verify-load out, or give the data a split test"
        raise UserError("cross-validated scores cannot be measured again", folder, advice)
    predictor = run.predictor
    dataset = read_again(run, predictor.spec.inputs)
    if dataset is None:
        raise UserError("the examples that the run was scored on are gone", run.config.data)
    indices = np.concatenate([dataset.indices(split) for split in run.metrics["splits"]])
    return score_splits(
        dataset.task,
        dataset.examples.table.iloc[indices],
        take(dataset.targets, indices),
        predictor.predict_arrays(dataset.examples.batch(indices)),
        (run.info["selected_on"],),
        run.config.seed,
        predictor.spec.thresholds,
    )


if __name__ == "__main__":
    print(json.dumps(score_again(sys.argv[1])))
