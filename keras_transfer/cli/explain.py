"""`keras-transfer explain`: images of what predictions rest on."""

import json
from dataclasses import dataclass
from pathlib import Path

import tyro

from keras_transfer.cli.command import BELOW_BAR, DONE, Talk, run_guarded

MARK = "keras-transfer explain"
LONGEST = 180  # bytes of a name: with what is added, file systems take 255


@dataclass(frozen=True, kw_only=True)
class ExplainArguments(Talk):
    """Show what a prediction rests on: one PNG a file, the example beside a map of the evidence."""

    paths: tyro.conf.Positional[tuple[str, ...]]
    """Files, folders (searched through), or patterns like 'photos/*.jpg'."""
    model: str
    """A run folder or its .keras file."""
    method: str = "grad_cam"
    """grad_cam (quick), or rise (hides random parts again and again: slow, for any base)."""
    out: Path = Path("explanations")
    """The folder that the PNG files go to."""


def main(arguments=None):
    """Parse, explain, write, print; returns the exit code."""

    def work(asked):
        from keras_transfer.errors import UserError
        from keras_transfer.explain import explain_files

        if not asked.paths:
            raise UserError("no files named", "", "Name files, folders or patterns")
        explained = explain_files(asked.model, asked.paths, asked.method)
        results = _write(explained, asked.out, asked.method)
        print(json.dumps(results, indent=2, ensure_ascii=False) if asked.json else _table(results))
        return BELOW_BAR if all("error" in result for result in results) else DONE

    return run_guarded(work, ExplainArguments, "keras-transfer explain", arguments)


def _write(explained, folder, method):
    """Write each explanation; a dict for each, with `file` or `error`."""
    from keras_transfer.environment import atomic_write

    results, taken = [], set()
    for one in explained:
        if one.error:
            results.append({"path": one.path, "error": one.error})
            continue
        file = _free_name(folder, Path(one.path).stem, method, taken)
        with atomic_write(file) as fresh:
            one.draw().save(fresh, "PNG", pnginfo=_mark())
        named = {"path": one.path, "predicted": one.predicted}
        if one.value is not None:
            named |= {"explained": one.output, "value": round(one.value, 6)}
        results.append({**named, "file": str(file)})
    return results


def _free_name(folder, stem, method, taken):
    """FOLDER/STEM_METHOD.png, numbered where that is another image's, or not ours to replace."""
    stem = stem.encode()[:LONGEST].decode(errors="ignore")
    name, number = f"{stem}_{method}", 1
    while name in taken or not _may_replace(folder / f"{name}.png"):
        number += 1
        name = f"{stem}_{method}_{number}"
    taken.add(name)
    return folder / f"{name}.png"


def _mark():
    """What a PNG of ours has inside, so that it may be replaced and no other file is."""
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("Software", MARK)
    return info


def _may_replace(file):
    from PIL import Image

    if not file.exists():
        return True
    try:
        with Image.open(file) as image:
            return image.info.get("Software") == MARK
    except OSError:  # no image
        return False


def _table(results):
    from rich.table import Table

    from keras_transfer.report.render import render

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("file", "predicted", "explained", "written"):
        table.add_column(column, overflow="fold")
    for result in results:
        if "error" in result:
            table.add_row(result["path"], "-", "-", f"cannot be read: {result['error']}")
            continue
        value = f"{result['explained']} {result['value']:.4g}" if "value" in result else "-"
        table.add_row(result["path"], result["predicted"], value, result["file"])
    return render(table, 160)
