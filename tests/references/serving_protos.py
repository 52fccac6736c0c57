"""Messages of TensorFlow Serving's configuration that no Python package publishes.

Written after `tensorflow_serving/config/monitoring_config.proto` and
`tensorflow_serving/servables/tensorflow/session_bundle_config.proto`: the fields by
name and kind, which is all that text format needs.
"""

from __future__ import annotations

from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message,
    message_factory,
    wrappers_pb2,
)

_PACKAGE = "keras_alexnet.tests"
_Field = descriptor_pb2.FieldDescriptorProto
_INT64 = "google.protobuf.Int64Value"
_MESSAGES = {
    "PrometheusConfig": {"enable": _Field.TYPE_BOOL, "path": _Field.TYPE_STRING},
    "MonitoringConfig": {"prometheus_config": f"{_PACKAGE}.PrometheusConfig"},
    "BatchingParameters": {
        "max_batch_size": _INT64,
        "batch_timeout_micros": _INT64,
        "max_enqueued_batches": _INT64,
        "num_batch_threads": _INT64,
        "thread_pool_name": "google.protobuf.StringValue",
        "allowed_batch_sizes": [_Field.TYPE_INT64],
        "pad_variable_length_inputs": _Field.TYPE_BOOL,
    },
}


def new(name: str) -> message.Message:
    """An empty message of one of these kinds."""
    descriptor = _pool().FindMessageTypeByName(f"{_PACKAGE}.{name}")
    return message_factory.GetMessageClass(descriptor)()


def _pool() -> descriptor_pool.DescriptorPool:
    file = descriptor_pb2.FileDescriptorProto(
        name="serving.proto",
        package=_PACKAGE,
        syntax="proto3",
        dependency=[wrappers_pb2.DESCRIPTOR.name],
    )
    for name, fields in _MESSAGES.items():
        kind = file.message_type.add(name=name)
        for number, (field, value) in enumerate(fields.items(), start=1):
            _add(kind.field.add(name=field, number=number), value)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    return pool


def _add(field: _Field, kind: int | str | list[int]) -> None:
    field.label = _Field.LABEL_OPTIONAL
    if isinstance(kind, list):
        field.label, (kind,) = _Field.LABEL_REPEATED, kind
    if isinstance(kind, str):
        field.type, field.type_name = _Field.TYPE_MESSAGE, f".{kind}"
    else:
        field.type = kind
