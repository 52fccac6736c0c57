"""The AlexNet of 2012 for TensorFlow and Keras."""

from keras_alexnet._backend import require_tensorflow

require_tensorflow()

from keras_alexnet import architectures, layers, ops  # noqa: E402
from keras_alexnet._version import __version__  # noqa: E402
from keras_alexnet.export import export_saved_model  # noqa: E402
from keras_alexnet.models import AlexNet, preprocess_input  # noqa: E402

__all__ = [
    "AlexNet",
    "__version__",
    "architectures",
    "export_saved_model",
    "layers",
    "ops",
    "preprocess_input",
]
