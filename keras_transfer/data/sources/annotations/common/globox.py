"""What globox reads of annotation formats (github.com/laclouis5/globox)."""

from importlib.util import find_spec

from keras_transfer.errors import UserError


def parse(file, how, **settings):
    """What globox gives of a file; how: the name of its function. UserError for a damaged one."""
    if find_spec("globox") is None:
        found, advice = "not installed: globox", "pip install 'keras_transfer[annotations]'"
        raise UserError("such annotations need an extra", found, advice)
    from globox import Annotation, AnnotationSet
    from globox.errors import ParsingError

    owner = Annotation if hasattr(Annotation, how) and how != "from_cvat" else AnnotationSet
    try:
        return getattr(owner, how)(file, **settings)
    except (ParsingError, ValueError, AssertionError, SyntaxError, TypeError) as error:
        wrong = f"{file} cannot be read as such annotations"
        raise UserError(wrong, error, "Mend or remove it") from error


def boxes_of(annotation):
    """[(label, corners)] of one image."""
    return [(box.label, (box.xmin, box.ymin, box.xmax, box.ymax)) for box in annotation.boxes]
