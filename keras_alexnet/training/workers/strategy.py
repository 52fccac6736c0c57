"""The strategy of one of several workers."""

from __future__ import annotations

import contextlib
import faulthandler
import signal
import threading
from collections.abc import Iterator

import tensorflow as tf

from keras_alexnet.training.workers.environment import Workers

# All workers have met: what TensorFlow still does takes a second or two. It holds
# Python's lock, so that only a thread of the C library can end a worker which has
# lost another just then.
_STARTED_WITHIN = 300.0


def open_workers(workers: Workers, gpus: int) -> tf.distribute.Strategy:
    """The strategy of a worker, when all have met.

    Args:
        workers: All of them.
        gpus: Number of GPUs of each, the first of those that are visible; 0 for CPUs.

    Raises:
        ValueError: If TensorFlow has been in use before, or cannot start.
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
            # Its automatic choice of communication is NCCL on GPUs, a ring on CPUs.
            return tf.distribute.MultiWorkerMirroredStrategy(resolver)
        except (RuntimeError, tf.errors.OpError) as error:
            raise ValueError(
                "several workers must start before anything else has used TensorFlow, "
                "all at their addresses. Received: worker "
                f"{workers.own} ({workers.addresses[workers.own]}): "
                f"{' '.join(str(error).split())[:200]}"
            ) from error


@contextlib.contextmanager
def _keeping_sigterm() -> Iterator[None]:
    """TensorFlow puts a handler of its own there, which takes note and goes on."""
    handler = signal.getsignal(signal.SIGTERM) or signal.SIG_DFL
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)


@contextlib.contextmanager
def _bounded(seconds: float) -> Iterator[None]:
    """Ends the process with code 1 and where it was, if the body takes longer."""
    # Where standard error is no file there is nowhere to write to.
    with contextlib.suppress(RuntimeError, ValueError, OSError, AttributeError):
        faulthandler.dump_traceback_later(seconds, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
