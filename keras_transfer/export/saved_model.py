"""A SavedModel that takes raw examples or arrays, for servers; it needs TensorFlow alone."""

from pathlib import Path

from keras_transfer.backend import load_tensorflow, quiet_stderr
from keras_transfer.environment import cannot_write
from keras_transfer.export import Exported, Format
from keras_transfer.export.common.network import require_tensorflow
from keras_transfer.inputs.common.arrays import as_tuple, take
from keras_transfer.model.spec import MEMBER, spec_from_json, spec_to_json
from keras_transfer.runtimes.saved_model import SavedModelRuntime
from keras_transfer.tasks import load_task
from keras_transfer.tasks.common.protocol.exporting import DECODED

GRAPH_FILE = "saved_model.pb"


def write(network, folder, sample=None):
    """Write a network as a SavedModel.

    Signatures: those of the modality (`Modality.signatures`; for images `serving_default` takes
    whole encoded files, `serve_any_size` pixels), and

    - `serve_arrays`: the model's own inputs -> its outputs by their names and what the task adds
      (for a classification `label`, the name of the likeliest class).
    - `classes`: nothing -> `classes`, string (k,), the names in the order of the predictions.

    Augmentation cannot get in: the model was traced with `training=False`, in float32.

    Args:
        network: `export.common.network.Network`; folder: not there yet.
        sample: not asked for here.

    Raises:
        UserError: another backend than TensorFlow, or a folder that cannot be written.
    """
    keras, tf = require_tensorflow(), load_tensorflow()
    # Not tracked: the archive finds the variables that endpoints use by itself, and a tracked
    # model is stored twice (keras 3.15.1: 19 MB in place of 10 for MobileNetV2).
    archive = keras.export.ExportArchive()
    for name, (function, signature) in _endpoints(tf, network).items():
        archive.add_endpoint(name, function, input_signature=signature)
    try:
        with quiet_stderr(expected=tf.errors.OpError):  # which is no OSError
            archive.write_out(str(folder), verbose=False)
    except tf.errors.OpError as error:
        raise cannot_write(folder, error.message.splitlines()[0]) from error
    (Path(folder) / MEMBER).write_text(spec_to_json(network.spec), encoding="utf-8")


def _endpoints(tf, network):
    """{name: (function, its TensorSpecs)}."""
    task, spec, names = network.task, network.spec, network.task.output_names
    dtypes = [tensor.dtype for tensor in network.model.inputs]

    def serve(*inputs):
        inputs = [tf.cast(one, dtype) for one, dtype in zip(inputs, dtypes, strict=True)]
        named = network.traced(*inputs)
        found = tuple(named[name] for name in names)
        return {**named, **task.served(tf, found if len(found) > 1 else found[0])}

    def after(to_inputs):
        return lambda *raw: serve(*as_tuple(to_inputs(*raw)))

    raw = network.modality.signatures(tf, spec.inputs)
    tensors = [tf.TensorSpec((None, *t.shape), t.dtype, t.name) for t in spec.inputs.tensors]
    classes = tf.constant([str(name) for name in spec.outputs])
    return {
        **{name: (after(to_inputs), specs) for name, (to_inputs, specs) in raw.items()},
        **({} if "serving_default" in raw else {"serving_default": (serve, tensors)}),
        "serve_arrays": (serve, tensors),
        "classes": (lambda: {"classes": classes}, []),
    }


def is_file(path):
    """Whether there is a SavedModel at `path`."""
    return (path / GRAPH_FILE).is_file()


def open_file(path):
    """The Exported of a SavedModel of ours."""
    member = path / MEMBER
    spec = spec_from_json(member.read_text(), path) if member.exists() else None
    names = load_task(spec).output_names if spec else None
    runtime = SavedModelRuntime(path, output_names=names)
    if spec is not None:  # what the graph itself says of the names counts
        inside = runtime.signatures["classes"]()["classes"].numpy()
        spec = spec._replace(outputs=tuple(name.decode() for name in inside))
    default = runtime.signatures["serving_default"].structured_input_signature[1]
    raw = list(default) != [tensor.name for tensor in spec.inputs.tensors] if spec else False
    return Exported(runtime, spec, False, _files_predictor(runtime, names) if raw else None)


def _files_predictor(runtime, names):
    """A function: bytes of whole files (None: not to be asked) -> a list of predictions."""
    served = runtime.by_signature("serving_default", output_names=names)
    errors = load_tensorflow().errors.OpError

    def predict_files(files):
        import numpy as np

        asked = [data for data in files if data is not None]
        try:
            found = served(np.array(asked, object)) if asked else ()
        except errors:  # it does not say which of them: one by one
            if len(files) == 1:
                return [None]
            return [one for data in files for one in predict_files([data])]
        places = iter(range(len(asked)))
        return [None if data is None else take(found, next(places)) for data in files]

    return predict_files


FORMATS = (Format("saved_model", "saved_model", write, any_size="saved_model", form=DECODED),)
