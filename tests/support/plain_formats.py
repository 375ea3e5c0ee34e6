"""The formats that every task has."""

from keras_transfer.export import formats


def plain_formats():
    """{name: Format}, without those whose files find boxes by themselves."""
    made_of_others = {form.postprocessed for form in formats().values()}
    return {name: form for name, form in formats().items() if name not in made_of_others}
