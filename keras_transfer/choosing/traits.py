"""A base by what is known before any example is read: `choose --by task`.

Knowledge from tables and papers, not evidence: comparing on one's own examples is better (a base
taken by ImageNet accuracy alone was 1.5 points below the best on average, docs/choose.md).
"""

from typing import NamedTuple

from keras_transfer.bases.table import BASES
from keras_transfer.choosing.candidates import command, find_candidates, missing_row
from keras_transfer.config import IN_MEMORY
from keras_transfer.errors import UserError, unknown_name

PHONE_FAMILIES = ("efficientnet_lite", "mobilenet", "mobilenet_v2", "mobilenet_v3")
PHONE_PARAMETERS = 6_000_000
SMALL_SIDE = 224  # pixels that small images are enlarged to at most


class Trait(NamedTuple):
    """What somebody says of their images or of where the model will run.

    Attributes:
        what: for `--help`; why: the sentence that it adds to the reason.
        fits: Base -> whether it is considered.
    """

    what: str
    why: str
    fits: callable = lambda base: True


TRAITS = {
    "few_labels": Trait(
        "a handful of images a class",
        "with few labels the features decide, so the highest ImageNet accuracy is taken, and the "
        "base is kept as it is: --strategy few_shot",
    ),
    "small_images": Trait(
        "images under 100 pixels a side",
        f"small images gain nothing from being enlarged beyond {SMALL_SIDE} pixels",
        lambda base: base.image_size <= SMALL_SIDE,
    ),
    "grey_images": Trait(
        "images without colour",
        "grey images become three equal channels, which every base takes; where they look like "
        "nothing in ImageNet, fine_tuning gains most",
    ),
    "phone": Trait(
        "the model is to run on a phone",
        "on a phone networks made for int8 lose least, and few parameters load fast",
        lambda base: base.family in PHONE_FAMILIES and base.parameters <= PHONE_PARAMETERS,
    ),
}


def check_ways(by, traits, max_ms):
    """Refuse what does not go together."""
    if by not in ("data", "task"):
        raise unknown_name("by", by, ("data", "task"))
    if by == "data" and traits:
        raise UserError("--traits is for --by task", " ".join(traits), "Add --by task")
    if by == "task" and max_ms is not None:
        advice = "Leave it out, or take --by data"
        raise UserError("--by task knows no milliseconds", f"--max-ms {max_ms:g}", advice)


def choose_by_task(spec, bases, traits, max_mib=None):
    """The dict of `choose`, without a score: nothing is read.

    Args:
        spec: how a command names the data; the rest as of `choose`.
    """
    candidates, missing = find_candidates(bases)
    here = {one.name: one for one in candidates}
    best, why = recommend_by_traits(traits, list(here), max_mib)
    return {
        "recommended": best,
        "reason": why,
        "command": command(here[best], spec) if best and spec != IN_MEMORY else None,
        "headline": None,
        "examples": None,
        "bases": [missing_row(name, how) for name, how in missing.items()],
    }


def recommend_by_traits(traits, names, max_mib=None):
    """(the name of a base or None, a sentence why), by the table alone.

    Args:
        traits: keys of TRAITS; names: of bases to choose among; max_mib: of an int8 file, a byte a
            parameter.

    Raises: UserError for an unknown trait.
    """
    unknown = [name for name in traits if name not in TRAITS]
    if unknown:
        raise unknown_name("trait", unknown[0], TRAITS)
    fitting = [name for name in names if all(TRAITS[t].fits(BASES[name]) for t in traits)]
    fitting = [n for n in fitting if BASES[n].top1 and _small_enough(BASES[n], max_mib)]
    if not fitting:
        return None, "No base whose weights are here fits what was named"
    best = max(fitting, key=lambda name: (BASES[name].top1, -BASES[name].parameters))
    base, reasons = BASES[best], "; ".join(TRAITS[trait].why for trait in traits)
    text = (
        f"{best} has the highest ImageNet accuracy, {base.top1:.1f} %, of the {len(fitting)} "
        f"considered, with {base.parameters / 1e6:.1f} million parameters"
    )
    return best, f"{text}; {reasons}" if reasons else text


def _small_enough(base, max_mib):
    return max_mib is None or base.parameters / 2**20 <= max_mib
