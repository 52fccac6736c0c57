"""The AlexNet of 2012 for TensorFlow and Keras."""

from keras_alexnet._backend import require_tensorflow

require_tensorflow()

# Also optimizers: a model saved with one of ours loads after this import alone.
from keras_alexnet import (  # noqa: E402
    architectures,
    layers,
    ops,
    optimizers,
    retrieval,
    weights,
)
from keras_alexnet._version import __version__  # noqa: E402
from keras_alexnet.answering import Prediction  # noqa: E402
from keras_alexnet.architectures.anatomy import anatomy  # noqa: E402
from keras_alexnet.classifier import Classifier  # noqa: E402
from keras_alexnet.export import (  # noqa: E402
    check_saved_model,
    export_keras,
    export_onnx,
    export_openvino,
    export_safetensors,
    export_saved_model,
    export_tflite,
)
from keras_alexnet.extraction import write_features  # noqa: E402
from keras_alexnet.fine_tuning import (  # noqa: E402
    features,
    freeze,
    reset_classifier,
)
from keras_alexnet.inputs import load_pictures, preprocess_input  # noqa: E402
from keras_alexnet.models import AlexNet  # noqa: E402
from keras_alexnet.recipe import Recipe  # noqa: E402
from keras_alexnet.two_towers import convert_towers  # noqa: E402
from keras_alexnet.weights.classes import (  # noqa: E402
    class_names,
    decode_predictions,
)

__all__ = [
    "AlexNet",
    "Classifier",
    "Prediction",
    "Recipe",
    "__version__",
    "anatomy",
    "architectures",
    "check_saved_model",
    "class_names",
    "convert_towers",
    "decode_predictions",
    "export_keras",
    "export_onnx",
    "export_openvino",
    "export_safetensors",
    "export_saved_model",
    "export_tflite",
    "features",
    "freeze",
    "layers",
    "load_pictures",
    "ops",
    "optimizers",
    "preprocess_input",
    "reset_classifier",
    "retrieval",
    "weights",
    "write_features",
]
