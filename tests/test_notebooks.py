"""Every notebook runs from top to bottom, and is kept without its outputs."""

import os
from pathlib import Path

import pytest

MADE = {  # notebook: a file that it makes
    "01_first_transfer": "first_transfer/exports/model.tflite",
    "02_few_labels": "one_more/exports/model.tflite",
    "03_fine_tuning": "tuned/model.keras",
    "04_groups_and_thresholds": "chest_drawn/splits.csv",
    "05_to_the_phone": "for_phones/exports/web/model.tflite",
}
SLOW = {"03_fine_tuning", "04_groups_and_thresholds"}
NEEDS = {"04_groups_and_thresholds": "chest_xray"}  # a folder of KERAS_TRANSFER_DATA
NOTEBOOKS = sorted((Path(__file__).resolve().parent.parent / "notebooks").glob("*.ipynb"))


def test_there_are_notebooks():
    assert [path.stem for path in NOTEBOOKS] == list(MADE)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_is_kept_without_outputs(path):
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.stem, marks=[pytest.mark.slow] if path.stem in SLOW else [])
        for path in NOTEBOOKS
    ],
)
def test_runs(path, tmp_path):
    import nbformat
    from nbclient import NotebookClient

    needed = Path(os.environ.get("KERAS_TRANSFER_DATA", "nowhere")) / NEEDS.get(path.stem, "")
    if path.stem in NEEDS and not needed.is_dir():
        pytest.skip(f"needs {NEEDS[path.stem]} in the folder that KERAS_TRANSFER_DATA names")
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook, timeout=500, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    )
    client.execute()
    texts = [
        output.get("data", {}).get("text/plain", "")
        for cell in notebook.cells
        for output in cell.get("outputs", [])
    ]
    assert any("accuracy" in text for text in texts)
    assert (tmp_path / MADE[path.stem]).exists()
