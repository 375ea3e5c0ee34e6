"""The house: imports point one way, and what must be instant loads nothing heavy."""

import ast
import functools
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "keras_transfer"
ORDER = [  # a module may import from its own row and the rows above it
    {"__init__", "errors"},
    {"config", "progress", "environment"},
    {"backend"},
    {"inputs"},
    {"evaluate"},
    {"figures"},
    {"tasks"},
    {"data"},
    {"bases"},
    {"model"},
    {"runtimes"},
    {"features"},
    {"strategies"},
    {"export"},
    {"run"},
    {"explain"},
    {"choosing"},
    {"report"},
    {"demo_page"},
    {"train"},
    {"learning_rate", "adapting", "tuning"},
    {"cli", "__main__"},
]
LEVEL = {room: level for level, rooms in enumerate(ORDER) for room in rooms}
HEAVY = {"tensorflow", "keras", "pandas", "sklearn", "PIL", "scipy", "ai_edge_litert", "tf2onnx"}
HEAVY |= {"matplotlib", "jinja2"}
ENTRY = "train.py"  # `python -m keras_transfer.train` hands over to its verb
WORDS = re.compile(  # our own words of old, for which the field has others
    r"(?<![a-z])(pictures?|answers?|said|told|left_out|used_to_choose|chosen_by|rightness|"
    r"squared_errors|of_outputs|max_left_out|twins?|halves|spared|aside)(?![a-z])",
    re.IGNORECASE,
)


def modules():
    return sorted(PACKAGE.rglob("*.py"))


def name_of(path):
    return str(path.relative_to(PACKAGE))


each_module = pytest.mark.parametrize("path", modules(), ids=name_of)


@functools.cache
def tree_of(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def room_of(dotted):
    """The room of `keras_transfer.ROOM.…`; a name of the package itself belongs to `__init__`."""
    parts = dotted.split(".")
    return parts[1] if len(parts) > 1 and parts[1] != "__version__" else "__init__"


def nodes_of(path, top_level_only=False):
    """Nodes of a module; without what runs only where it is the program."""
    body = [node for node in tree_of(path).body if not (name_of(path) == ENTRY and is_main(node))]
    return body if top_level_only else [node for part in body for node in ast.walk(part)]


def is_main(node):
    return isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'"


def imports(path, top_level_only=False):
    for node in nodes_of(path, top_level_only):
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


@each_module
def test_imports_point_one_way_inside_functions_too(path):
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    for name in imports(path):
        if name.split(".")[0] == "keras_transfer":
            other = room_of(name)
            assert other in LEVEL, f"{name_of(path)} imports {name}: an unknown room"
            assert LEVEL[other] <= LEVEL[room], f"{name_of(path)} imports {name}"


@each_module
def test_heavy_imports_stand_inside_functions(path):
    heavy = {name.split(".")[0] for name in imports(path, top_level_only=True)} & HEAVY
    assert not heavy


VERBS = [
    "train",
    "choose",
    "tune",
    "check",
    "adapt",
    "evaluate",
    "predict",
    "explain",
    "demo",
    "export",
    "report",
]
VERBS += ["features", "compare", "doctor"]
HELP = """
import sys, keras_transfer.__main__ as m
sys.argv = ['x', {verb!r}, '--help']
try: m.main()
except SystemExit: pass
"""


def test_every_verb_is_asked_for_its_help():
    from keras_transfer.__main__ import VERBS as KNOWN

    assert list(KNOWN) == VERBS


@pytest.mark.parametrize(
    "code",
    [
        "import keras_transfer",
        "import keras_transfer.config, keras_transfer.bases.table",
        *(HELP.format(verb=verb) for verb in VERBS),
    ],
)
def test_what_must_be_instant_loads_nothing_heavy(code):
    ask = f"{code}\nimport sys; print('LOADED', sorted(set(sys.modules) & {HEAVY!r}))"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "LOADED []"


def own_attributes(room, parent):
    """Public names that a task or modality has and `parent`, the protocol, has not."""
    from keras_transfer.config import find_in, names_in

    members = [find_in(room, "", name) for name in names_in(room)]
    kinds = [getattr(m, "TASK", None) or type(m.MODALITY) for m in members]
    own = {name for kind in kinds for name in (*dir(kind), *getattr(kind, "__annotations__", ()))}
    known = {*dir(parent), *parent.__annotations__}
    return {name for name in own - known if not name.startswith("_")}


def questions(tree, noun, names, classes, attributes):
    """What in a syntax tree asks which task (or modality) it has: by name, class or attribute."""
    others = (n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom))
    foreign = {a.name for n in others if "keras_transfer" not in n.module for a in n.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            parts = [p for s in sides for p in getattr(s, "elts", [s])]
            if any(isinstance(p, ast.Constant) and p.value in names for p in parts):
                yield ast.unparse(node)
        elif isinstance(node, ast.Dict):
            if any(isinstance(k, ast.Constant) and k.value in names for k in node.keys):
                yield ast.unparse(node)
        elif isinstance(node, ast.MatchValue):
            if isinstance(node.value, ast.Constant) and node.value.value in names:
                yield ast.unparse(node)
        elif isinstance(node, ast.Name) and node.id in classes - foreign:
            yield node.id
        elif isinstance(node, ast.Attribute) and node.attr in attributes:
            owner = ast.unparse(node.value).split(".")[-1].split("(")[0]
            if owner in (noun, f"find_{noun}", f"load_{noun}"):
                yield ast.unparse(node)
        elif isinstance(node, ast.Call) and is_class_question(node, noun):
            yield ast.unparse(node)


def is_class_question(call, noun):
    """hasattr(task, ...) or isinstance(task, ...), but for str: a name or the thing itself."""
    if ast.unparse(call.func) not in ("hasattr", "isinstance"):
        return False
    about, kind = call.args
    return ast.unparse(about).split(".")[-1] == noun and ast.unparse(kind) != "str"


def asked(path_or_code, noun):
    """The questions after a task or a modality in a module."""
    from keras_transfer.config import names_in
    from keras_transfer.inputs import Modality
    from keras_transfer.tasks import Task

    room, parent = {"task": ("tasks", Task), "modality": ("inputs", Modality)}[noun]
    names = set(names_in(room))
    classes = {name.capitalize() for name in names}
    code = isinstance(path_or_code, str)
    tree = ast.parse(path_or_code) if code else tree_of(path_or_code)
    return list(questions(tree, noun, names, classes, own_attributes(room, parent)))


@each_module
@pytest.mark.parametrize("noun", ["task", "modality"])
def test_nobody_outside_their_rooms_asks_which_task_or_modality(path, noun):
    room = path.relative_to(PACKAGE).parts[0]
    if room != {"task": "tasks", "modality": "inputs"}[noun]:
        assert not asked(path, noun)


@pytest.mark.parametrize(
    "code",
    [
        'if task.name == "regression": pass',
        'if spec.task in ("multilabel", "x"): pass',
        'LOSSES = {"classification": 1}[task.name]',
        "isinstance(task, Regression)",
        "hasattr(dataset.task, 'scale')",
        "x = dataset.task.scale",
        'match name:\n    case "multilabel": pass',
    ],
)
def test_such_questions_are_found(code):
    assert asked(code, "task")


@each_module
def test_words_are_the_field_s(path):
    text = path.read_text(encoding="utf-8")
    assert not [match.group() for match in WORDS.finditer(text)]


def test_flags_and_columns_are_in_the_field_s_words(finished):
    from keras_transfer.config import TrainConfig

    run, _ = finished
    names = list(TrainConfig.__dataclass_fields__)
    for file in run.folder.rglob("*"):
        names.append(file.name)
        if file.suffix in (".csv", ".json", ".txt"):
            names.append(re.sub(r'"[^"]*/[^"]*"', "", file.read_text(encoding="utf-8")))
    assert not [match.group() for name in names for match in WORDS.finditer(name)]


def test_public_names_resolve():
    import keras_transfer

    for name in keras_transfer.__all__:
        assert getattr(keras_transfer, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'tranfser'"):
        keras_transfer.tranfser  # noqa: B018
