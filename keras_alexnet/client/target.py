"""Which model of which server a client asks."""

from __future__ import annotations

import dataclasses
import math
import string
import urllib.parse

from keras_alexnet.exchange import without_password
from keras_alexnet.reasons import outside, shown

_LONG = 500  # characters of what a server says

SCHEMES = ("grpc", "grpcs", "http", "https")
SIGNATURE = "classify_bytes"


@dataclasses.dataclass(frozen=True)
class Target:
    """A model on a server, as TensorFlow Serving names them.

    Args:
        server: `grpc://host:port` or `http://host:port`, or with encryption
            `grpcs://…` and `https://…`.
        model: Name of the model.
        version: Its version; the newest one that is served by default.
        label: A label of a version, such as `"stable"`, in place of its number.
        timeout: Seconds to wait for an answer.

    Raises:
        ValueError: If the address is none, both a version and a label are given, or a
            value is out of range.

    Example:

    >>> Target("grpc://localhost:8500", label="stable").address
    'localhost:8500'
    """

    server: str
    model: str = "alexnet"
    version: int | None = None
    label: str | None = None
    timeout: float = 10.0

    def __post_init__(self) -> None:
        if not _is_address(self.server):
            raise ValueError(
                "server must be grpc://host:port or http://host:port (grpcs:// and "
                "https:// with encryption). "
                f"Received: server={shown(without_password(self.server))}"
            )
        if not self.model or set(self.model) & set("/:"):
            raise ValueError(
                "model_name must be the name of a model, without / and :. "
                f"Received: model_name={self.model!r}"
            )
        if not (0 < self.timeout < math.inf):
            raise ValueError(
                "timeout must be a number of seconds above 0. "
                f"Received: timeout={self.timeout}"
            )
        self._check_version()

    def _check_version(self) -> None:
        if self.version is not None and self.label is not None:
            raise ValueError(
                "a version must be given by its number or by a label, not by both. "
                f"Received: model_version={self.version}, version_label={self.label!r}"
            )
        if self.version is not None and self.version < 0:
            raise ValueError(
                "model_version must be 0 or more. "
                f"Received: model_version={self.version}"
            )
        if self.label is not None and (not self.label or set(self.label) & set("/:")):
            raise ValueError(
                "version_label must be a label, without / and :. "
                f"Received: version_label={self.label!r}"
            )

    @property
    def scheme(self) -> str:
        """What the server speaks."""
        return urllib.parse.urlsplit(self.server).scheme

    @property
    def address(self) -> str:
        """Host and port."""
        return urllib.parse.urlsplit(self.server).netloc

    def refused(self, reason: str) -> ValueError:
        """The error of a server that answers, but not with an answer."""
        return ValueError(
            f"{self.server} must serve {self._served()} with the signature {SIGNATURE}."
            f" Received: {outside(reason, _LONG)}"
        )

    def unreachable(self, reason: str) -> ValueError:
        """The error of a server that cannot be reached or takes no more requests."""
        return ValueError(
            "server must be the address of a server that is running and has room. "
            f"Received: server={self.server!r} ({outside(reason, _LONG)})"
        )

    def late(self) -> ValueError:
        """The error of an answer that did not come in time."""
        return ValueError(
            "the answer must come in time; raise --timeout or lower --batch_size. "
            f"Received: nothing from {self.server} within {self.timeout:g} s"
        )

    def _served(self) -> str:
        which = "" if self.version is None else f" in version {self.version}"
        which = which if self.label is None else f" under the label {self.label!r}"
        return f"the model {self.model!r}{which}"


def _is_address(server: str) -> bool:
    try:
        parts = urllib.parse.urlsplit(server)
        sound = parts.scheme in SCHEMES and bool(parts.hostname) and bool(parts.port)
    except ValueError:
        return False
    rest = parts.path.strip("/") or parts.query or parts.fragment
    plain = server.isprintable() and not set(server) & set(string.whitespace)
    return sound and plain and not rest and parts.username is None
