"""`connect(target)`: what asks a server, over gRPC or REST."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from keras_alexnet.client.answers import Classify
from keras_alexnet.client.target import Target


@contextlib.contextmanager
def connect(target: Target) -> Iterator[Classify]:
    """Gives, for the time of a `with` block, a function that asks a server.

    It takes the bytes of some pictures, sends them in one request and returns an
    `Answer` for each. Nothing is sent before it is called.

    Args:
        target: The server and the model.

    Raises:
        ValueError: In the block, if the server cannot be reached, does not answer in
            time, or does not serve such a model; without the extra `[serving]` at
            once, for a server that speaks gRPC.

    Example:

    >>> with connect(Target("http://localhost:8501")) as classify:  # doctest: +SKIP
    ...     classify([open("cat.jpg", "rb").read()])
    [Answer(valid=True, classes=(('tabby', 0.61), ('tiger cat', 0.23)))]
    """
    if target.scheme.startswith("grpc"):
        from keras_alexnet.client.over_grpc import classifier

        with classifier(target) as classify:
            yield classify
        return
    from keras_alexnet.client.over_rest import rest_classifier

    yield rest_classifier(target)
