"""`keras-transfer demo`: a page to try a model on."""

from dataclasses import dataclass

from keras_transfer.cli.command import DONE, Talk, run_guarded


@dataclass(frozen=True, kw_only=True)
class DemoArguments(Talk):
    """Open a page where an image is dropped, or the camera used, and the model predicts."""

    model: str
    """A run folder, a .keras file, or an export; what a prediction rests on is shown of the first
    two."""
    host: str = "127.0.0.1"
    """The address to listen at: by default nobody else's machine reaches it."""
    port: int | None = None
    """By default the first free one from 7860 on."""


def main(arguments=None):
    """Parse, load, serve until Ctrl-C; returns the exit code."""

    def work(asked):
        from pathlib import Path

        from keras_transfer.demo_page import build_page, check_gradio, example_files, serve_page
        from keras_transfer.errors import UserError
        from keras_transfer.run.folder import Run
        from keras_transfer.run.predictor import Predictor

        check_gradio()
        if asked.port is not None and not 1 <= asked.port <= 65535:
            raise UserError("--port is out of range", asked.port, "Allowed: 1 to 65535")
        predictor = Predictor.load(asked.model)
        is_run = (Path(asked.model) / "run.json").is_file()
        examples = example_files(Run.open(asked.model), predictor.spec.inputs) if is_run else []
        place = asked.host, asked.port
        serve_page(build_page(predictor, examples), examples, *place, _started)
        return DONE

    return run_guarded(work, DemoArguments, "keras-transfer demo", arguments)


def _started(address):
    from keras_transfer import progress

    print(address.rstrip("/"), flush=True)
    progress.say("Ctrl-C ends it")
