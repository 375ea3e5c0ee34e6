"""A handful of examples a class: all of them train, and the score is honest all the same."""

from dataclasses import replace

import numpy as np
import pytest

from keras_transfer.cli.train import main
from keras_transfer.config import make_config
from keras_transfer.data.splits import complete_splits
from keras_transfer.errors import UserError
from keras_transfer.model.pooled import pooled_features
from keras_transfer.run.folder import Run
from keras_transfer.runtimes.keras import KerasRuntime
from keras_transfer.strategies import check_strategy
from keras_transfer.strategies.common.closed_form import fit_closed_form
from keras_transfer.train import transfer
from tests.support.drawing import KINDS, draw
from tests.test_strategies import tiny_dataset, trained

SETTINGS = {"base": "mobilenet_v2_0.35", "weights": "none", "image_size": 32}
QUICK = {**SETTINGS, "strategy": "few_shot", "export": False, "report": False, "quiet": True}


def drawn(shots, kinds=KINDS, seed=0):
    """(images, labels): so many of each kind."""
    pairs = [(draw(kind, number + seed, 32), kind) for kind in kinds for number in range(shots)]
    return np.stack([image for image, _ in pairs]), [kind for _, kind in pairs]


def test_the_head_is_that_of_the_plain_features_folded_into_the_layer():
    dataset = tiny_dataset()  # views are cut from the examples themselves
    dataset = replace(dataset, examples=replace(dataset.examples, array=dataset.examples.kept))
    fitted, _ = trained("few_shot", dataset, views=2, augment="crop")
    model, train = fitted.model, dataset.indices("train")
    head = model.get_layer("head")
    # as they were computed: rounding otherwise, these untrained ones give another head
    pooled = KerasRuntime(pooled_features(model))(dataset.examples.batch(train))
    alone, _ = trained("few_shot", dataset, augment="none")
    expected = fit_closed_form(pooled, dataset.targets[train], len(KINDS))
    np.testing.assert_allclose(
        alone.model.get_layer("head").kernel.numpy(), expected.kernel, rtol=1e-3, atol=1e-4
    )
    assert not np.allclose(head.kernel.numpy(), expected.kernel, rtol=1e-3)  # two views do more
    assert fitted.selected_on == "train"
    assert sorted(fitted.unseen.indices) == sorted(train)


@pytest.mark.parametrize("method", ["ridge", "prototypes", "cosine"])
def test_with_few_examples_all_are_trained_on_and_the_score_is_cross_validated(tmp_path, method):
    run = transfer(drawn(5), out=tmp_path / "run", method=method, **QUICK)
    scores = run.metrics["splits"]
    assert list(scores) == ["train"]
    assert scores["train"]["cross_validated"]
    assert not scores["train"]["used_for_selection"]
    assert scores["train"]["n"] == 5 * len(KINDS) == len(run.predictions)
    wrong = run.predictions["label"] != run.predictions["predicted"]
    assert scores["train"]["accuracy"]["value"] == pytest.approx(1 - wrong.mean())
    assert run.config.method == method


def test_ten_examples_a_class_leave_some_to_test(tmp_path):
    run = transfer(drawn(10), out=tmp_path / "run", **QUICK)
    assert list(run.metrics["splits"]) == ["test"]


def test_one_example_a_class_is_enough_and_its_score_says_nothing(tmp_path, capsys):
    run = transfer(drawn(1), out=tmp_path / "run", **QUICK)
    scores = run.metrics["splits"]["train"]
    assert scores["used_for_selection"]
    assert "cross_validated" not in scores
    assert "says nothing of new ones" in capsys.readouterr().err
    with pytest.raises(UserError, match="few_shot"):
        transfer(drawn(1), out=tmp_path / "other", **{**QUICK, "strategy": "feature_extraction"})


def test_some_classes_may_have_one_example_and_others_more(tmp_path):
    images, labels = drawn(4)
    keep = [place for place in range(len(labels)) if place not in (1, 2, 3)]
    run = transfer((images[keep], [labels[i] for i in keep]), out=tmp_path / "run", **QUICK)
    scored = run.metrics["splits"]["train"]
    assert scored["cross_validated"]
    assert scored["n"] == len(keep) - 1  # the single one is never held out


def test_a_run_of_few_examples_goes_the_whole_way(tmp_path):
    settings = {**QUICK, "export": True, "report": True}
    run = transfer(drawn(4), out=tmp_path / "run", **settings)
    files = run.certificate["files"]
    assert len(files) == 2
    assert all(entry["passed"] for entry in files.values())
    page = (run.folder / "report.html").read_text()
    assert "each predicted by a model that had not seen it" in page
    again = Run.open(run.folder)
    np.testing.assert_allclose(
        again.model.predict(drawn(1)[0], verbose=0).sum(axis=1), 1, rtol=1e-5
    )


def test_what_has_no_meaning_is_refused():
    for knobs, word in (
        ({"hidden_units": (4,)}, "--hidden-units"),
        ({"dropout": 0.1}, "--dropout"),
        ({"mixup": 0.2}, "--mixup"),
        ({"trainable": "all"}, "fine_tuning"),
    ):
        with pytest.raises(UserError, match=word):
            check_strategy(make_config(strategy="few_shot", **knobs))


def test_several_labels_an_example_are_refused(tmp_path):
    images, labels = drawn(6)
    several = [f"{label}|x" for label in labels]
    with pytest.raises(UserError, match="one class an example"):
        transfer((images, several), out=tmp_path / "run", **QUICK)
    assert not (tmp_path / "run").exists()


def test_cross_validated_scores_are_not_verified_by_loading(tmp_path, capsys):
    for kind in KINDS:
        (tmp_path / "set" / kind).mkdir(parents=True)
        for number in range(3):
            from PIL import Image

            Image.fromarray(draw(kind, number, 32)).save(tmp_path / "set" / kind / f"{number}.png")
    arguments = (
        f"--data {tmp_path / 'set'} --out {tmp_path / 'run'} --strategy few_shot --weights none"
    )
    arguments += " --base mobilenet_v2_0.35 --image-size 32 --no-export --no-report --verify-load"
    assert main(arguments.split()) == 2
    assert "cross-validated" in capsys.readouterr().err
    assert Run.open(tmp_path / "run").metrics


def test_nothing_is_drawn_below_a_number_of_examples():
    import pandas as pd

    table = pd.DataFrame({"split": "", "group": "", "shown": [str(n) for n in range(24)]})
    strata = [("a",), ("b",)] * 12
    assert set(complete_splits(table, strata, 0, 13)["split"]) == {"train"}
    assert set(complete_splits(table, strata, 0, 12)["split"]) == {"train", "test"}


def test_the_log_names_few_shot_where_folds_say_that_it_is_better(monkeypatch, capsys):
    from keras_transfer.strategies.common import closed_form

    monkeypatch.setattr(closed_form, "HINT", -100)  # whatever the folds say, it counts as better
    trained("feature_extraction", tiny_dataset(per_kind=4))
    assert "--strategy few_shot is better" in capsys.readouterr().err
    monkeypatch.setattr(closed_form, "HINT", 100)
    trained("feature_extraction", tiny_dataset(per_kind=4))
    assert "--strategy few_shot is better" not in capsys.readouterr().err
    monkeypatch.setattr(closed_form, "HINT", -100)
    trained("feature_extraction", tiny_dataset(per_kind=30))  # of so many nothing is asked
    assert "--strategy few_shot is better" not in capsys.readouterr().err
