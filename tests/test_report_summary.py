"""Sentences of a report: each stands where the numbers support it, and only there."""

import pytest

from keras_transfer.config import TrainConfig
from keras_transfer.report.summary import Facts, summarise
from keras_transfer.report.tables import export_table


def interval(value, width=0.04):
    return {"value": value, "low": value - width / 2, "high": value + width / 2}


def facts(**changes):
    """A run of which there is nothing to complain."""
    scores = {
        "n": 200,
        "used_for_selection": False,
        "accuracy": interval(0.95),
        "per_class": {
            "ants": {"n": 100, "precision": 0.95, "recall": 0.95, "f1": 0.95},
            "bees": {"n": 100, "precision": 0.95, "recall": 0.95, "f1": 0.95},
        },
        "confusion": [[100, 0], [0, 100]],
    }
    scores |= changes.pop("scores", {})
    whole = {
        "split": "test",
        "scores": scores,
        "others": {"val": {"accuracy": interval(0.96), "used_for_selection": False}},
        "headline": "accuracy",
        "training": {"ants": 100, "bees": 100},
        "duplicates": [],
        "skipped": 0,
        "class_score": "f1",
        "history": [{"penalty": 1.0, "cross_validation_loss": 0.3}],
        "reliability": {},
        "config": TrainConfig(),
        "certificate": {},
    }
    return Facts(**(whole | changes))


def text_of(**changes):
    return " ".join(sentence for part in summarise(facts(**changes)) for sentence in part)


def test_where_all_is_well_it_says_so_and_advises_nothing():
    good, weak, following = summarise(facts())
    assert good == [
        "On 200 examples of test, which neither trained nor selected anything, accuracy is 0.950 "
        "(95 % interval 0.930 to 0.970).",
        "Both classes do about equally well.",
    ]
    assert weak == following == []


def classes(ants, bees, precision=0.9):
    """Scores of two classes with these recalls of 100 each."""
    rows = {"ants": ants, "bees": bees}
    return {
        name: {"n": 100, "precision": precision, "recall": recall, "f1": recall}
        for name, recall in rows.items()
    }


def test_the_worst_class_and_the_most_confused_pair_are_named():
    scores = {"per_class": classes(0.95, 0.7), "confusion": [[95, 5], [30, 70]]}
    good, weak, _ = summarise(facts(scores=scores))
    assert "Best at ants (F1 0.950)." in good
    assert weak == [
        "Weakest at bees (F1 0.700): 70 of 100 are found, and 90 % of those called bees are right.",
        "Most often confused: bees taken for ants, 30 of 100 times.",
    ]


def test_intervals_of_classes_are_given_where_they_are_known():
    rows = classes(0.95, 0.7)
    rows["bees"]["intervals"] = {"f1": {"low": 0.6, "high": 0.8}}
    assert "bees (F1 0.700, 0.600 to 0.800)" in text_of(scores={"per_class": rows})


def test_a_class_that_is_never_predicted_has_no_precision():
    rows = classes(0.95, 0.0, precision=None)
    rows["bees"]["f1"] = None
    assert "Weakest at bees (F1 0.000): 0 of 100 are found." in text_of(scores={"per_class": rows})


UNSURE = {
    "error_rate": 0.02,
    "threshold": 0.8,
    "error": interval(0.015),
    "coverage": interval(0.3),
    "useful": False,
}
SURE = UNSURE | {"coverage": interval(0.8), "useful": True}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"scores": {"used_for_selection": True}}, "expect less of new ones"),
        ({"scores": {"accuracy": interval(0.95, 0.2)}}, "the interval is wide, 0.850 to 1.050"),
        ({"scores": {"n": 20}}, "20 say little"),
        ({"scores": {"accuracy": interval(0.8)}}, "Try --strategy fine_tuning"),
        (
            {"others": {"val": {"accuracy": interval(0.995), "used_for_selection": False}}},
            "The split test is harder than val (0.950 against 0.995, more than chance)",
        ),
        ({"scores": {"mae": interval(3.0)}}, "off by 3.000"),
        ({"training": {"ants": 100, "bees": 19}}, "Add training examples of bees (19)"),
        ({"training": {"ants": 500, "bees": 90}}, "try --class-weight balanced"),
        ({"duplicates": [("a", "b", "train", "test")]}, "a (train) and b (test)"),
        ({"skipped": 2}, "Mend or remove 2 examples"),
        ({"reliability": {"unsure": UNSURE}}, "an error of 2 % on only 30 % of the examples"),
        (
            {"reliability": {"unsure": SURE}},
            "Of the 80 % of predictions with a confidence of at least 0.8, 1.5 % are wrong",
        ),
        (
            {
                "reliability": {"unsure": SURE},
                "scores": {"unsure": {"error": interval(0.03, 0.03), "coverage": interval(0.7)}},
            },
            "Of the 70 % of predictions with a confidence of at least 0.8, 3 % are wrong",
        ),
        (
            {
                "reliability": {"unsure": SURE},
                "scores": {"unsure": {"error": interval(0.1), "coverage": interval(0.7)}},
            },
            "Too sure of itself: 10 % of the predictions of test that it calls sure are wrong",
        ),
        (
            {"reliability": {"unsure": UNSURE | {"threshold": None, "coverage": interval(0.0)}}},
            "on only 0 % of the examples",
        ),
        (
            {"certificate": {"files": {"x": {"passed": False, "path": "f", "reason": "off"}}}},
            "Do not ship f: off.",
        ),
    ],
)
def test_each_sentence_needs_its_numbers(changes, sentence):
    assert sentence in text_of(**changes)
    assert sentence not in text_of()


def epochs(*losses):
    return [
        {"epoch": place + 1, "loss": 1.0 / (place + 1), "holdout_loss": loss}
        for place, loss in enumerate(losses)
    ]


def test_overfitting_is_named_only_where_the_loss_rose():
    assert "overfits after epoch 2" in text_of(history=epochs(0.9, 0.5, 0.7, 0.9))
    assert "overfits" not in text_of(history=epochs(0.9, 0.5, 0.4, 0.41))
    assert "overfits" not in text_of(history=[{"epoch": 1, "loss": 1.0}])


def test_tuning_is_not_advised_to_those_who_did_it():
    tuned = TrainConfig(strategy="fine_tuning")
    assert "Try" not in text_of(scores={"accuracy": interval(0.8)}, config=tuned)
    assert "class-weight" not in text_of(
        training={"a": 500, "b": 30}, config=TrainConfig(class_weight="balanced")
    )


def test_no_split_is_called_harder_than_one_that_selected_something():
    val = {"accuracy": interval(0.995), "used_for_selection": True}
    assert "harder" not in text_of(others={"val": val})


def test_a_file_that_could_not_be_scored_has_no_numbers():
    """As of `Run.export` where the run's examples are gone."""
    entry = {"path": "model.tflite", "bytes": 2**20, "difference": 0.1, "passed": True}
    table = export_table({"files": {"tflite": entry}}, "accuracy")
    assert [cell.text for cell in table.rows[0]] == ["model.tflite", "passed", "1.0", *"----"]
