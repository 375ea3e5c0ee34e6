"""Tables of the screen."""


def render(table, width=110):
    """A rich table as plain text."""
    from rich.console import Console

    # names of classes and files may look like markup
    plain = {"color_system": None, "force_terminal": False, "markup": False, "emoji": False}
    console = Console(width=width, **plain)
    with console.capture() as capture:
        console.print(table)
    return capture.get().rstrip()
