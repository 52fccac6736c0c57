"""Exports: a SavedModel from picture bytes to class names, and a TFLite file."""

from keras_alexnet.export.checking import Report, check_saved_model
from keras_alexnet.export.lite import export_tflite
from keras_alexnet.export.onnx_file import export_onnx
from keras_alexnet.export.writing import export_saved_model

__all__ = ["Report", "check_saved_model", "export_onnx", "export_saved_model", "export_tflite"]
