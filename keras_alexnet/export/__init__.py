"""Exports: a network in the forms that servers, phones and other programs read."""

from keras_alexnet.export.checking import Report, check_saved_model
from keras_alexnet.export.lite import export_tflite
from keras_alexnet.export.onnx_file import export_onnx
from keras_alexnet.export.openvino_ir import export_openvino
from keras_alexnet.export.weights_files import export_keras, export_safetensors
from keras_alexnet.export.writing import export_saved_model

__all__ = [
    "Report",
    "check_saved_model",
    "export_keras",
    "export_onnx",
    "export_openvino",
    "export_safetensors",
    "export_saved_model",
    "export_tflite",
]
