"""The strategy of one of several workers."""

from __future__ import annotations

import contextlib
import faulthandler
import signal
import threading
from collections.abc import Iterator

import tensorflow as tf

from keras_alexnet.reasons import must_be
from keras_alexnet.training.workers.environment import Workers

COLLECTIVES = ("auto", "nccl", "ring")
# The workers have connected to each other before: what TensorFlow does now takes a
# second or two. It holds Python's lock: if another worker is lost just then, only a
# thread of the C library can end this one.
_STARTED_WITHIN = 300.0


def open_workers(
    workers: Workers, gpus: int, collectives: str = "auto"
) -> tf.distribute.Strategy:
    """The strategy of a worker, after the `rendezvous` of all.

    Args:
        workers: All of them.
        gpus: Number of GPUs of each, the first of those that are visible; 0 for CPUs.
        collectives: What sums over the workers, one of `COLLECTIVES`.

    Raises:
        ValueError: If TensorFlow was used before, or cannot start.
    """
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec({"worker": workers.addresses}),
        task_type="worker",
        task_id=workers.own,
        num_accelerators={"GPU": gpus},
        rpc_layer="grpc",
    )
    with _keeping_sigterm(), _bounded(_STARTED_WITHIN):
        try:
            return tf.distribute.MultiWorkerMirroredStrategy(
                resolver, communication(collectives, gpus)
            )
        except (RuntimeError, tf.errors.OpError) as error:
            raise ValueError(
                "several workers must start before anything else has used TensorFlow, "
                "all at their addresses. Received: worker "
                f"{workers.own} ({workers.addresses[workers.own]}): "
                f"{' '.join(str(error).split())[:200]}"
            ) from error


def communication(
    collectives: str, gpus: int
) -> tf.distribute.experimental.CommunicationOptions:
    """What sums over the workers: NCCL, or TensorFlow's own ring over gRPC.

    TensorFlow's `AUTO` is always the ring, on GPUs too: its runtime takes NCCL only for
    ops that have it as their hint (`AssignCollectiveType` in
    `collective_param_resolver_local.cc`).

    Args:
        collectives: One of `COLLECTIVES`; `"auto"` is NCCL where there are GPUs.
        gpus: Number of GPUs of each worker.

    Raises:
        ValueError: For NCCL without GPUs, or an unknown name.

    Example:

    >>> communication("auto", gpus=8).implementation.value
    'NCCL'
    """
    if collectives not in COLLECTIVES:
        raise must_be("collectives", f"one of {COLLECTIVES}", collectives)
    if collectives == "nccl" and not gpus:
        raise must_be("collectives", "auto or ring for workers on CPUs", collectives)
    chosen = ("nccl" if gpus else "ring") if collectives == "auto" else collectives
    return tf.distribute.experimental.CommunicationOptions(
        implementation=tf.distribute.experimental.CommunicationImplementation(
            chosen.upper()
        )
    )


@contextlib.contextmanager
def _keeping_sigterm() -> Iterator[None]:
    """Restores the handler of SIGTERM: TensorFlow's own only notes it and continues."""
    handler = signal.getsignal(signal.SIGTERM) or signal.SIG_DFL
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)


@contextlib.contextmanager
def _bounded(seconds: float) -> Iterator[None]:
    """Ends the process with code 1 and its tracebacks, if the body takes longer."""
    # Impossible if standard error is not a file.
    with contextlib.suppress(RuntimeError, ValueError, OSError, AttributeError):
        faulthandler.dump_traceback_later(seconds, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
