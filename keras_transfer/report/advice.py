"""What to do next: sentences that each stand only where the numbers of a run support them.

Each function takes the `report.summary.Facts` of a run, and gives a sentence or None.
"""

from keras_transfer.errors import count
from keras_transfer.evaluate.splits import FEW
from keras_transfer.report.numbers import ends, in_percent

WIDE = 0.1  # of an interval: as much as most changes of settings gain or lose
FEW_TRAINING = 20  # examples of a class
UNEVEN = 5  # times as many examples of one class as of another
RISEN = 1.1  # of the lowest loss on the holdout: more than epochs differ by chance
ROOM = 0.9  # of a headline score below which tuning the base as well is worth its time


def wide_interval(facts):
    score, n = facts.scores[facts.headline], facts.scores["n"]
    if n < FEW:
        return f"Score it on more examples: {n} say little."
    if score["low"] is None or score["high"] - score["low"] <= WIDE:
        return None
    return (
        f"Score it on more examples: with {n} the interval is wide, "
        f"{ends(score)}, and changes of a few percent cannot be seen."
    )


def few_examples(facts):
    few = sorted((n, name) for name, n in facts.training.items() if n < FEW_TRAINING)
    if not few:
        return None
    shown = ", ".join(f"{name} ({n})" for n, name in few[:3])
    more = f" and {len(few) - 3} more" if len(few) > 3 else ""
    return f"Add training examples of {shown}{more}: under {FEW_TRAINING} are few to learn from."


def uneven(facts):
    counts = facts.training
    if len(counts) < 2 or facts.config.class_weight != "none":
        return None
    rare, common = (pick(counts, key=counts.get) for pick in (min, max))
    if counts[common] < UNEVEN * max(1, counts[rare]):
        return None
    return (
        f"If {rare} ({counts[rare]} training examples) matters as much as {common} "
        f"({counts[common]}), add examples of it, or try --class-weight balanced."
    )


def low_coverage(facts):
    unsure = facts.reliability.get("unsure")
    if not unsure or unsure["useful"]:
        return None
    error, share = in_percent(unsure["error_rate"]), in_percent(unsure["coverage"]["value"])
    return (
        f"It is sure enough for an error of {error} on only {share} of the examples: let people "
        "check the others, or accept more errors with a higher --error-rate."
    )


def duplicates(facts):
    if not facts.duplicates:
        return None
    one, other, split, other_split = facts.duplicates[0]
    return (
        f"Remove duplicates: {count(len(facts.duplicates), 'example')} in two splits make scores "
        f"look better than they are, for example {one} ({split}) and {other} ({other_split})."
    )


def overfitting(facts):
    rows = [row for row in facts.history if row.get("holdout_loss") == row.get("holdout_loss")]
    if not rows or "holdout_loss" not in rows[0]:
        return None
    best, last = min(rows, key=lambda row: row["holdout_loss"]), rows[-1]
    risen = last["holdout_loss"] > RISEN * best["holdout_loss"] and last["loss"] < best["loss"]
    if not risen:
        return None
    return (
        f"It overfits after epoch {int(best['epoch'])}: more examples, --augment standard or "
        "--dropout may help, more epochs will not."
    )


def try_tuning(facts):
    score = facts.scores[facts.headline]["value"]
    if facts.config.strategy != "feature_extraction" or score is None or score >= ROOM:
        return None
    return "Try --strategy fine_tuning: it adapts the base as well, and takes minutes."


def skipped(facts):
    if not facts.skipped:
        return None
    return f"Mend or remove {count(facts.skipped, 'example')} that could not be read."


def failed_exports(facts):
    files = facts.certificate.get("files", {})
    failed = [entry for entry in files.values() if not entry["passed"]]
    if not failed:
        return None
    entry = failed[0]
    return f"Do not ship {entry['path']}: {entry['reason']}."


ADVICE = (
    failed_exports,
    duplicates,
    skipped,
    few_examples,
    uneven,
    overfitting,
    try_tuning,
    low_coverage,
    wide_interval,
)
