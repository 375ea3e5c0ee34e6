"""The house: imports point one way, and what must be instant loads nothing heavy."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "keras_transfer"
ORDER = [  # a module may import from its own row and the rows above it
    {"__init__", "errors", "config", "progress", "environment", "backend"},
    {"inputs"},
    {"evaluate"},
    {"tasks"},
    {"data"},
    {"bases"},
    {"model"},
    {"runtimes"},
    {"features"},
    {"strategies"},
    {"export"},
    {"run"},
    {"report"},
    {"steps"},
    {"planning"},
    {"train"},
    {"cli", "__main__"},
]
LEVEL = {room: level for level, rooms in enumerate(ORDER) for room in rooms}
HEAVY = {"tensorflow", "keras", "pandas", "sklearn", "PIL", "scipy", "ai_edge_litert"}


def modules():
    return sorted(PACKAGE.rglob("*.py"))


def room_of(dotted):
    parts = dotted.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def imports(path, top_level_only=False):
    tree = ast.parse(path.read_text())
    nodes = tree.body if top_level_only else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.module == "keras_transfer":
                yield from (f"keras_transfer.{alias.name}" for alias in node.names)
            else:
                yield node.module


def test_every_room_has_its_place():
    rooms = {p.relative_to(PACKAGE).parts[0].removesuffix(".py") for p in modules()}
    assert rooms == set(LEVEL)


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_one_way(path):
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    for name in imports(path, top_level_only=True):
        if name.startswith("keras_transfer"):
            other = room_of(name)
            known = LEVEL.get(other, LEVEL["__init__"])  # `from keras_transfer import __version__`
            assert known <= LEVEL[room], f"{path.name} imports {name}"


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_heavy_imports_stand_inside_functions(path):
    heavy = {name.split(".")[0] for name in imports(path, top_level_only=True)} & HEAVY
    assert not heavy


@pytest.mark.parametrize(
    "code",
    [
        "import keras_transfer",
        "import keras_transfer.config, keras_transfer.bases.table",
        "import sys; sys.argv = ['x', 'train', '--help']; import keras_transfer.__main__ as m\n"
        "try: m.main()\nexcept SystemExit: pass",
        "import sys; sys.argv = ['x', 'predict', '--help']; import keras_transfer.__main__ as m\n"
        "try: m.main()\nexcept SystemExit: pass",
    ],
)
def test_what_must_be_instant_loads_nothing_heavy(code):
    ask = f"{code}\nimport sys; print('LOADED', sorted(set(sys.modules) & {HEAVY!r}))"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "LOADED []"


def test_public_names_resolve():
    import keras_transfer

    for name in keras_transfer.__all__:
        assert getattr(keras_transfer, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'tranfser'"):
        keras_transfer.tranfser  # noqa: B018
