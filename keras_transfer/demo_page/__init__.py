"""A page to try a model on, in the browser of whoever runs it: `keras-transfer demo`.

By gradio (gradio.app), without its usage metrics, by default on this machine alone.
"""

import errno
import os
import socket
import threading
from importlib.util import find_spec
from pathlib import Path

from keras_transfer.demo_page.looking import Looking
from keras_transfer.errors import UserError

MOST_BYTES = 50 * 2**20  # of an upload
KEPT_SECONDS = 3600  # that uploads lie in the temporary folder; they go when the page ends, too
EXAMPLES = 8
FIRST_PORT, PORTS = 7860, 100
NAMES_SHOWN = 10
TITLE = "Try the model"
OUTPUT = {"interactive": False, "buttons": ["fullscreen", "download"], "height": 300}
NUMBERS = {"label": "How likely", "show_heading": False}
GALLERY = {"label": "Examples", "columns": 4, "height": 330, "object_fit": "cover"}
GALLERY |= {"interactive": False, "preview": False, "buttons": []}
MARKS = set("<>&*_`[]()#!|\\$~")  # which mean something in Markdown
FONTS = ["system-ui", "sans-serif"]  # of the reader's machine: gradio's own come from Google
# what a checker of accessibility (axe) finds in gradio's own parts
CONTRAST = ":root {--color-accent: #1d4ed8} .dark {--color-accent: #93c5fd} .or {color: inherit}"
MEND = """() => {
  const each = (selector, change) => document.querySelectorAll(selector).forEach(change);
  const mend = () => {
    each("button[aria-dropeffect]", (button) => button.removeAttribute("aria-label"));
    each("button:has(.image-frame):not([aria-label])",
      (button) => button.setAttribute("aria-label", "The image, larger"));
  };
  new MutationObserver(mend).observe(document.body, { childList: true, subtree: true });
  mend();
}"""


def check_gradio():
    """Refuse to go on without the extra `demo`."""
    if find_spec("gradio") is None:
        command = "pip install 'keras_transfer[demo]'"
        raise UserError("the demo page needs an extra", "not installed: gradio", command)


def example_files(run, inputs, most=EXAMPLES):
    """Files of test, or of val where there is none, a few of each class; [] where they are gone."""
    from keras_transfer.run.reading import read_again

    dataset = read_again(run, inputs)
    if dataset is None or dataset.examples.array is not None:
        return []
    split = next((s for s in ("test", "val") if len(dataset.indices(s))), "train")
    places = dataset.indices(split)
    turn, seen = [], {}
    for place, stratum in zip(places, dataset.strata(places), strict=True):
        seen[stratum] = seen.get(stratum, -1) + 1
        turn.append((seen[stratum], place))
    chosen = [place for _, place in sorted(turn)[:most]]
    return [str(path) for path in dataset.examples.table["path"].iloc[chosen]]


def build_page(predictor, examples=()):
    """The page, a `gradio.Blocks`.

    Args:
        predictor: `run.predictor.Predictor`; examples: files that can be chosen with a click.
    """
    _silence()
    import gradio

    look = Looking(predictor)
    named = ", ".join(map(str, predictor.task.outputs[:NAMES_SHOWN]))
    kept = {"delete_cache": (KEPT_SECONDS, KEPT_SECONDS)}
    with gradio.Blocks(title=TITLE, analytics_enabled=False, **kept) as page:
        gradio.Markdown(f"# {TITLE}\nIt knows {named}. Images stay on this machine.")
        with gradio.Row():
            with gradio.Column():
                with gradio.Tab("A file"):
                    upload = gradio.File(label="Drop an image", file_types=["image"], height=150)
                with gradio.Tab("The camera"):
                    camera = gradio.Image(sources=["webcam"], type="filepath", show_label=False)
                gallery = gradio.Gallery(list(examples), visible=bool(examples), **GALLERY)
            with gradio.Column():
                text = gradio.Markdown()
                numbers = gradio.Label(num_top_classes=NAMES_SHOWN, visible=False, **NUMBERS)
                with gradio.Row():
                    image = gradio.Image(label="The image", visible=False, **OUTPUT)
                    label = "What the prediction rests on" if look.explains else "What is in it"
                    overlay = gradio.Image(label=label, visible=False, **OUTPUT)
        outputs = [text, numbers, image, overlay]
        settings = {"concurrency_limit": 1, "api_visibility": "private"}

        def show(file):
            first, *others = _parts(look, file)
            return first, *(gradio.update(value=one, visible=one is not None) for one in others)

        def choose(event: gradio.SelectData):
            return show(examples[event.index])

        # emptied, so that the next file can be dropped at once
        upload.upload(lambda file: (None, *show(file)), upload, [upload, *outputs], **settings)
        camera.input(show, camera, outputs, **settings)
        gallery.select(choose, None, outputs, **settings)
    return page


def _parts(look, file):
    """What the page shows of a file: text, numbers, image, overlay; None of what there is not."""
    if not file:
        return "", None, None, None
    found = look(file)
    if found.error:
        text = f"**{_plain(Path(file).name)} cannot be used:** {_plain(found.error)}"
        return text, None, None, None
    text = "\n\n".join([f"**{_plain(found.predicted)}**", *found.remarks])
    return text, found.numbers or None, found.pixels, found.overlay


def _plain(text):
    """Text in which nothing is Markdown or HTML."""
    return "".join(f"&#{ord(sign)};" if sign in MARKS else sign for sign in text)


def serve_page(page, examples, host, port, started):
    """Serve a page until it is interrupted.

    Args:
        examples: files that the page may give away besides uploads.
        host, port: where; None for the first free port from 7860 on.
        started: function of the address, called once it is there.

    Raises:
        UserError: the address is taken, or none of this machine.
    """
    import gradio

    _, address, _ = page.launch(
        server_name=host,
        server_port=_free_port(host, port),
        share=False,
        max_file_size=MOST_BYTES,
        allowed_paths=[str(file) for file in examples],
        theme=gradio.themes.Default(primary_hue="blue", font=FONTS, font_mono=["monospace"]),
        css=CONTRAST,
        js=MEND,
        footer_links=[],
        quiet=True,
        prevent_thread_lock=True,
    )
    try:
        started(address)
        threading.Event().wait()
    finally:
        page.close(verbose=False)


def _free_port(host, port):
    """`port`, or the first free one from FIRST_PORT on; a UserError where none can be had."""
    for wanted in [port] if port else range(FIRST_PORT, FIRST_PORT + PORTS):
        try:
            with socket.create_server((host, wanted)):
                return wanted
        except OSError as error:
            reason = error
            if port or error.errno != errno.EADDRINUSE:
                break
    found = f"{host}, port {wanted}"
    raise UserError("the page cannot be served there", found, reason.strerror) from reason


def _silence():
    """No usage metrics, no questions for newer versions."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ["HF_HUB_OFFLINE"] = "1"
