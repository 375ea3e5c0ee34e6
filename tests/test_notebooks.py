"""Every notebook runs from top to bottom, and is kept without its outputs."""

from pathlib import Path

import pytest

EXPORTS = {"01_first_transfer": "first_transfer", "02_few_labels": "one_more"}  # notebook: run
NOTEBOOKS = sorted((Path(__file__).resolve().parent.parent / "notebooks").glob("*.ipynb"))


def test_there_are_notebooks():
    assert [path.stem for path in NOTEBOOKS] == list(EXPORTS)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs_and_is_kept_without_outputs(path, tmp_path):
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)
    client = NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    )
    client.execute()
    texts = [
        output.get("data", {}).get("text/plain", "")
        for cell in notebook.cells
        for output in cell.get("outputs", [])
    ]
    assert any("accuracy" in text for text in texts)
    assert (tmp_path / EXPORTS[path.stem] / "exports" / "model.tflite").exists()
