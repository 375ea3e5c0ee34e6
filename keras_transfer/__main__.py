"""`keras-transfer VERB`, also as `python -m keras_transfer VERB`."""

import sys
from importlib import import_module

from keras_transfer import __version__
from keras_transfer.cli.command import MISTAKE
from keras_transfer.errors import unknown_name

VERBS = {  # verb: module, what it does
    "train": ("keras_transfer.cli.train", "adapt a base to your images; score, save and export it"),
    "choose": ("keras_transfer.cli.choose", "which base suits your images and limits, by evidence"),
    "tune": ("keras_transfer.cli.tune", "search settings within a budget, train with the winner"),
    "check": ("keras_transfer.cli.check", "see what training would see: augmented views"),
    "adapt": ("keras_transfer.cli.adapt", "other or more classes for a run, from a few images"),
    "evaluate": ("keras_transfer.cli.evaluate", "score a model on labelled images"),
    "predict": ("keras_transfer.cli.predict", "predict for files, folders or patterns"),
    "explain": ("keras_transfer.cli.explain", "show what predictions rest on, as images"),
    "demo": ("keras_transfer.cli.demo", "a page to try a model on, in your browser"),
    "export": ("keras_transfer.cli.export", "write a run as SavedModel or TFLite, checked"),
    "report": ("keras_transfer.cli.report", "a run as one page for people: report.html"),
    "features": ("keras_transfer.cli.features", "list, check or clear what is stored of bases"),
    "compare": ("keras_transfer.cli.compare", "which run is better by more than chance, and costs"),
    "doctor": ("keras_transfer.cli.doctor", "versions, devices, weights at hand, what is missing"),
}


def main():
    """Run one verb; returns the exit code."""
    verb = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if verb in ("-h", "--help"):
        print(_help())
        return 0
    if verb == "--version":
        print(__version__)
        return 0
    if verb not in VERBS:
        print(f"keras-transfer: {unknown_name('verb', verb, VERBS)}", file=sys.stderr)
        return MISTAKE
    return import_module(VERBS[verb][0]).main(sys.argv[2:])


def _help():
    lines = ["usage: keras-transfer VERB [OPTIONS]", ""]
    lines += [f"  {verb:<10}{what}" for verb, (_, what) in VERBS.items()]
    return "\n".join([*lines, "", "keras-transfer VERB --help lists the options of a verb."])


if __name__ == "__main__":
    sys.exit(main())
