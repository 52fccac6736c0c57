"""One question over HTTP and its answer, within limits of time, length and direction.

A server that is nobody's friend may send a byte now and then for ever, an answer
without an end, or send the question elsewhere. So the whole has a deadline besides the
longest silence, the answer is read in pieces, and a redirect is followed only where it
is as safe and asks the same.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import math
import socket
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

from keras_alexnet.reasons import outside, reason

_PIECE = 1 << 16
_MOST_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)
_ASK_THE_SAME = (307, 308)  # RFC 9110, 15.4: with others a browser forgets the body
_KINDS = {"http": ("http", "https"), "https": ("https",)}


class Answer:
    """What a server answers, whatever its status.

    Attributes:
        status: As in HTTP.
        reason: The server's words for it, as one short line.
        length: How many bytes it says that it sends; None if it does not.
    """

    def __init__(self, response: Any, deadline: _Deadline) -> None:
        self._response, self._deadline = response, deadline
        self.status: int = response.status
        self.reason = outside(response.reason)
        length = response.headers.get("Content-Length", "")
        known = length.isascii() and length.isdecimal() and len(length) < 19
        self.length = int(length) if known else None

    def check(self) -> None:
        """Raises TimeoutError if the deadline is over."""
        self._deadline.check()

    def pieces(self, least_speed: float = math.inf) -> Iterator[bytes]:
        """The content as it arrives.

        Args:
            least_speed: Bytes a second; what arrives moves the deadline as far as it
                may have taken at that speed.

        Raises:
            TimeoutError: If the deadline is over.
            OSError: If the connection breaks; an error of `http.client` if what comes
                is no HTTP.
        """
        left = math.inf if self.length is None else self.length
        while left:
            piece = self._response.read1(int(min(left, _PIECE)))
            self._deadline.check()
            if not piece:
                return
            left -= len(piece)
            self._deadline.move(len(piece) / least_speed)
            yield piece

    def read(self, most: int) -> bytes:
        """The content, of at most so many bytes.

        Raises:
            ValueError: If it is longer.
            OSError: As `pieces` does.
        """
        content = bytearray()
        for piece in self.pieces():
            content += piece
            if len(content) > most:
                raise ValueError(f"more than {most:,} bytes")
        return bytes(content)


@contextlib.contextmanager
def exchanged(
    url: str,
    headers: dict[str, str],
    body: bytes | None = None,
    *,
    silence: float,
    whole: float,
) -> Iterator[Answer]:
    """Gives the answer to a GET, or to a POST of a body.

    Args:
        url: An `http://` or `https://` address, perhaps with a user and a password.
        headers: To send.
        body: What to post.
        silence: Seconds that may pass without a byte.
        whole: Seconds for all of it, names of servers and redirects included.

    Raises:
        TimeoutError: If one of the two is over.
        OSError: If there is no connection, it breaks, or the server redirects to where
            it is not followed; an error of `http.client` if what comes is no HTTP.

    Example:

    >>> with exchanged("http://localhost", {}, silence=1, whole=2) as answer:
    ...     answer.read(1000)  # doctest: +SKIP
    """
    deadline = _Deadline(whole)
    try:
        with _answered(url, headers, body, silence, deadline) as response:
            yield Answer(response, deadline)
    except (OSError, http.client.HTTPException):
        deadline.check()
        raise
    finally:
        deadline.close()


def without_password(url: str) -> str:
    """An address as it may be shown: a user and a password are left out.

    Example:

    >>> without_password("https://me:secret@example.org/models")
    'https://example.org/models'
    """
    scheme, mark, rest = url.partition("://")
    place, slash, path = rest.partition("/")
    return f"{scheme}{mark}{place.rpartition('@')[2]}{slash}{path}"


@contextlib.contextmanager
def _answered(
    url: str,
    headers: dict[str, str],
    body: bytes | None,
    silence: float,
    deadline: _Deadline,
) -> Iterator[Any]:
    opener = _opener(deadline)
    for _ in range(1 + _MOST_REDIRECTS):
        plain, own = _credentials(url)
        request = urllib.request.Request(plain, body, {**headers, **own})
        with _opened(opener, request, min(silence, deadline.left)) as response:
            target = response.headers.get("Location")
            if response.status not in _REDIRECTS or target is None:
                yield response
                return
            if body is not None and response.status not in _ASK_THE_SAME:
                raise OSError(f"HTTP {response.status}, which redirects a question")
            url = _followed(plain, target)
    raise OSError(f"more than {_MOST_REDIRECTS} redirects")


def _opened(
    opener: urllib.request.OpenerDirector, request: urllib.request.Request, wait: float
) -> Any:
    try:
        return opener.open(request, timeout=wait)
    except ValueError as error:  # such as a name that no server can have
        raise OSError(reason(error)) from None


def _followed(url: str, target: str) -> str:
    """The address of a redirect."""
    old = urllib.parse.urlsplit(url).scheme
    try:
        new = urllib.parse.urljoin(url, target.strip())
        place = urllib.parse.urlsplit(new)
    except ValueError as error:
        raise OSError(f"a redirect to no address: {reason(error)}") from None
    if place.scheme not in _KINDS[old] or not place.hostname:
        raise OSError(f"a redirect from {old} to {outside(place.scheme) or 'nowhere'}")
    return urllib.parse.quote(new, safe="!#$%&'()*+,/:;=?@[]~")


def _credentials(url: str) -> tuple[str, dict[str, str]]:
    """The address without user and password, and the header that sends them."""
    parts = urllib.parse.urlsplit(url)
    if parts.username is None:
        return url, {}
    both = f"{parts.username}:{parts.password or ''}"
    text = base64.b64encode(urllib.parse.unquote_to_bytes(both)).decode("ascii")
    return without_password(url), {"Authorization": f"Basic {text}"}


def _opener(deadline: _Deadline) -> urllib.request.OpenerDirector:
    """What opens http and https alone, and leaves statuses to the caller."""
    opener = urllib.request.OpenerDirector()
    given = urllib.request.ProxyHandler(), urllib.request.UnknownHandler()
    for handler in (*given, _Http(deadline), _Https(deadline)):
        opener.add_handler(handler)
    return opener


class _Http(urllib.request.HTTPHandler):
    def __init__(self, deadline: _Deadline) -> None:
        super().__init__()
        self._deadline = deadline

    def http_open(self, request: urllib.request.Request) -> Any:
        return self.do_open(self._connection, request)

    def _connection(self, host: str, **options: Any) -> http.client.HTTPConnection:
        return self._deadline.watched(http.client.HTTPConnection(host, **options))


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, deadline: _Deadline) -> None:
        super().__init__()
        self._deadline = deadline

    def https_open(self, request: urllib.request.Request) -> Any:
        return self.do_open(self._connection, request)

    def _connection(self, host: str, **options: Any) -> http.client.HTTPConnection:
        return self._deadline.watched(http.client.HTTPSConnection(host, **options))


class _Deadline:
    """Ends connections when the time is over, whatever they wait for.

    The timeout of a socket begins anew with each byte.

    Args:
        seconds: From now on.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + seconds
        self._over = False
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._wait, daemon=True).start()

    @property
    def left(self) -> float:
        """How many seconds are left; raises TimeoutError if none are."""
        self.check()
        return max(self._end - time.monotonic(), 1e-3)

    def move(self, seconds: float) -> None:
        """Gives more time."""
        self._end += seconds
        self._seconds += seconds

    def check(self) -> None:
        """Raises TimeoutError if the time is over."""
        if self._over:
            raise TimeoutError(f"not done within {self._seconds:.3g} s")

    def watched(
        self, connection: http.client.HTTPConnection
    ) -> http.client.HTTPConnection:
        """A connection that ends in time: also while it agrees on encryption."""
        connection._create_connection = self._connected  # type: ignore[attr-defined]
        return connection

    def _connected(self, address: Any, timeout: Any, *more: Any) -> socket.socket:
        made = socket.create_connection(address, min(timeout, self.left), *more)
        made.settimeout(timeout)
        with self._lock:
            # Encryption takes over the socket itself; a second one stays ours.
            self._sockets.append(made.dup())
        self.check()
        return made

    def _wait(self) -> None:
        while (left := self._end - time.monotonic()) > 0:
            if self._closed.wait(left):
                return
        with self._lock:
            self._over = True
            for each in self._sockets:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Ends the watch."""
        self._closed.set()
        with self._lock:
            while self._sockets:
                self._sockets.pop().close()
