"""Graphs as TensorFlow's optimiser makes them for an H100 that is not there.

It knows devices by their properties alone, so it needs none.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf
from tensorflow.core.protobuf import config_pb2, device_properties_pb2
from tensorflow.python.eager import context
from tensorflow.python.grappler import cluster, tf_optimizer

GPU = "/job:localhost/replica:0/task:0/device:GPU:0"


def h100() -> cluster.Cluster:
    """A machine with a CPU and an H100."""
    cpu = device_properties_pb2.NamedDevice(name=GPU.replace("GPU", "CPU"))
    cpu.properties.type = "CPU"
    cpu.properties.frequency, cpu.properties.num_cores = 1000, 8
    cpu.properties.bandwidth = 10**8
    gpu = device_properties_pb2.NamedDevice(name=GPU)
    gpu.properties.type = "GPU"
    gpu.properties.frequency, gpu.properties.num_cores = 1700, 132
    gpu.properties.bandwidth, gpu.properties.memory_size = 3 * 10**9, 80 * 2**30
    gpu.properties.environment["architecture"] = "9.0"
    gpu.properties.environment["cuda"] = "12050"
    gpu.properties.environment["cudnn"] = "9300"
    return cluster.Cluster(devices=[cpu, gpu])


def optimised(
    function: Callable, *specs: tf.TensorSpec, without: tuple[str, ...] = ()
) -> tf.compat.v1.GraphDef:
    """The graph of a function, with all its ops on the GPU, after all optimisers.

    Args:
        function: What is traced.
        *specs: Its inputs.
        without: Optimisers that are off, as `tf.config.optimizer` names them.
    """
    concrete = tf.function(function).get_concrete_function(*specs)
    definition = concrete.graph.as_graph_def(add_shapes=True)
    _add_functions(definition)
    for node in definition.node:
        node.device = GPU
    graph = tf.Graph()
    with graph.as_default():
        tf.import_graph_def(definition, name="")
        for output in concrete.outputs:
            kept = graph.get_operation_by_name(output.op.name)
            tf.compat.v1.add_to_collection("train_op", kept)
        exported = tf.compat.v1.train.export_meta_graph(graph=graph)
    settings = config_pb2.ConfigProto()
    rewrites = settings.graph_options.rewrite_options
    rewrites.min_graph_nodes = -1
    for name in without:
        setattr(rewrites, name, rewrites.OFF)
    return tf_optimizer.OptimizeGraph(settings, exported, cluster=h100())


def _add_functions(definition: tf.compat.v1.GraphDef) -> None:
    """Adds this process' functions, among which the optimiser may choose."""
    here = context.context()
    there = {each.signature.name for each in definition.library.function}
    for name in here.list_function_names():
        name = tf.compat.as_str(name)
        if name not in there:
            found = here.get_function_def(name)
            if "api_implements" in found.attr:
                definition.library.function.append(found)


def ops(definition: tf.compat.v1.GraphDef) -> list[str]:
    """The types of all ops that run: of called functions, those within them."""
    library = {each.signature.name: each for each in definition.library.function}

    def within(nodes: list) -> list[str]:
        found = []
        for node in nodes:
            if node.attr["f"].func.name in library:
                found += within(library[node.attr["f"].func.name].node_def)
            else:
                found.append(node.op)
        return found

    return within(definition.node)


# Ops that move nothing, and those whose time is arithmetic.
_FREE = {
    "BroadcastGradientArgs",
    "Const",
    "Identity",
    "IdentityN",
    "NoOp",
    "Pack",
    "PartitionedCall",  # of a convolution
    "Placeholder",
    "PreventGradient",
    "ReadVariableOp",
    "Reshape",
    "Shape",
    "ShapeN",
    "StopGradient",
    "StridedSlice",
    "ZerosLike",
}
_ARITHMETIC = {"Conv2D", "Conv2DBackpropInput", "Conv2DBackpropFilter"}
_SMALL = 10**5  # a product with fewer numbers only passes over its first factor


def moved(graph: tf.Graph) -> int:
    """Bytes that the ops of a traced graph move whose time is that of the memory.

    Only ops count that its outputs depend on: the others never run.
    """
    total, found = 0, set()
    waiting = [x.op for x in graph.outputs]
    while waiting:
        op = waiting.pop()
        if op not in found:
            found.add(op)
            waiting += [x.op for x in op.inputs]
            product = op.type == "MatMul" and _numbers(op.inputs[1]) > _SMALL
            if op.type not in _FREE | _ARITHMETIC and not product:
                tensors = [*op.inputs, *op.outputs]
                total += sum(_numbers(x) * x.dtype.size for x in tensors)
    return total


def _numbers(tensor: tf.Tensor) -> int:
    return 0 if tensor.dtype == tf.resource else tensor.shape.num_elements()
