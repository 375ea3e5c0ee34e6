"""README and docs: short enough, all pages linked, and every link, flag and script there."""

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from keras_transfer.__main__ import VERBS
from keras_transfer.config import ROOMS, names_in

ROOT = Path(__file__).resolve().parent.parent
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [ROOT / "README.md", *DOCS]
TEXTS = [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
MOST_LINES = 160
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)")
CODE = re.compile(r"^```.*?^```$|`[^`]*`", re.MULTILINE | re.DOTALL)
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")
OTHER_PROGRAMS = re.compile(
    r"\b(pip install|npm install|python -m pytest|python -m http.server|python benchmarks/|ruff |"
    r"tensorboard --logdir)[^`\n]*"
)


def name(path):
    return str(path.relative_to(ROOT))


def links(page):
    """(the file that is linked, the heading or "") of each relative link of a page."""
    found = LINK.findall(CODE.sub("", page.read_text(encoding="utf-8")))
    return [
        ((page.parent / target).resolve() if target else page, heading)
        for target, heading in found
        if "://" not in target
    ]


def anchors(page):
    """The names by which GitHub links the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.fixture(scope="module")
def known_flags():
    """Every flag of every verb, those of each task, strategy and modality included."""
    import contextlib
    import io

    calls = [(verb, []) for verb in VERBS]
    for kind, room in ROOMS.items():
        calls += [("train", [f"--{kind}", choice]) for choice in names_in(room)]
    shown = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(shown):
        patch.setenv("COLUMNS", "200")
        for verb, arguments in calls:
            with pytest.raises(SystemExit):
                import_module(VERBS[verb][0]).main([*arguments, "--help"])
    return set(FLAG.findall(shown.getvalue()))


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= MOST_LINES


def test_the_readme_links_every_page():
    linked = {file for file, _ in links(ROOT / "README.md")}
    assert DOCS
    assert not [name(page) for page in DOCS if page not in linked]


@pytest.mark.parametrize("page", TEXTS, ids=name)
def test_links_lead_somewhere(page):
    for file, heading in links(page):
        assert file.exists(), file
        assert not heading or heading in anchors(file), f"{file.name} has no #{heading}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_flags_exist(page, known_flags):
    assert {"--help", "--cache-features", "--image-size", "--dynamic-size"} <= known_flags
    text = OTHER_PROGRAMS.sub("", page.read_text(encoding="utf-8"))
    assert not set(FLAG.findall(text)) - known_flags


@pytest.mark.parametrize("page", TEXTS, ids=name)
def test_scripts_exist(page):
    scripts = re.findall(r"\b(?:benchmarks|tests)/\w+\.py", page.read_text(encoding="utf-8"))
    assert not [script for script in scripts if not (ROOT / script).exists()]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_verbs_exist(page):
    text = page.read_text(encoding="utf-8")
    verbs = re.findall(r"`keras-transfer (\w+)|^keras-transfer (\w+)", text, re.MULTILINE)
    assert not {verb for pair in verbs for verb in pair if verb} - set(VERBS)


@pytest.mark.slow
def test_the_site_is_built_without_a_warning(tmp_path):
    pytest.importorskip("mkdocs")
    pytest.importorskip("mkdocstrings")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path / "site"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "site" / "commands" / "index.html").read_text(encoding="utf-8")
    assert text.count("usage: keras-transfer") == len(VERBS)
    assert "{{" not in text
