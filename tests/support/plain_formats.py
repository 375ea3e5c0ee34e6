"""The formats that every task has."""

from keras_transfer.export import formats


def plain_formats():
    """{name: Format}, without those whose files find boxes by themselves, and without
    pages, whose files are those of others."""
    known = formats().values()
    inside = {form.postprocessed for form in known} | {f.name for f in known if f.check_library}
    return {name: form for name, form in formats().items() if name not in inside}
