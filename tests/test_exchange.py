"""One question over HTTP: what is asked where, and when it ends."""

from __future__ import annotations

import contextlib
import socket
import threading

import pytest

from keras_alexnet.exchange import _followed, exchanged, without_password


class Scripted:
    """A server that sends one prepared answer after the other, and keeps what came."""

    def __init__(self, *answers: bytes) -> None:
        self._answers, self.asked = list(answers), []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.place = f"127.0.0.1:{self._listening.getsockname()[1]}"
        self.url = f"http://{self.place}"

    def __enter__(self) -> Scripted:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.close()

    def _serve(self) -> None:
        kept = []
        with contextlib.suppress(OSError):
            for answer in self._answers:
                connection, _ = self._listening.accept()
                self.asked.append(self._question(connection))
                connection.sendall(answer)
                if answer.endswith(b"..."):  # it never ends
                    kept.append(connection)
                else:
                    connection.close()
            self._listening.accept()

    @staticmethod
    def _question(connection: socket.socket) -> bytes:
        question = b""
        while b"\r\n\r\n" not in question:
            question += connection.recv(1 << 16)
        head, _, body = question.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]
        while len(body) < int(length or 0):
            body += connection.recv(1 << 16)
        return head + b"\r\n\r\n" + body


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


def answer(status: str, more: str = "", body: bytes = b"") -> bytes:
    return f"HTTP/1.1 {status}\r\n{more}\r\n".encode() + body


def asked(url: str, body: bytes | None = None, whole: float = 30.0) -> bytes:
    with exchanged(url, {}, body, silence=30.0, whole=whole) as found:
        return found.read(1000)


def test_a_redirect_is_followed() -> None:
    moved = answer("302 Found", "Location: /there\r\n", b"go there")
    with Scripted(moved, answer("200 OK", body=b"here")) as server:
        assert asked(server.url + "/a") == b"here"
    assert [each.split()[1] for each in server.asked] == [b"/a", b"/there"]


@pytest.mark.parametrize("status", ["307 Temporary", "308 Permanent"])
def test_a_question_stays_the_same_question(status: str) -> None:
    moved = answer(status, "Location: /there\r\n")
    with Scripted(moved, answer("200 OK", body=b"here")) as server:
        assert asked(server.url + "/a", b"what is it?") == b"here"
    for question in server.asked:
        assert question.startswith(b"POST /")
        assert question.endswith(b"\r\n\r\nwhat is it?")


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other"])
def test_a_question_is_not_turned_into_another(status: str) -> None:
    with (
        Scripted(answer(status, "Location: /there\r\n")) as server,
        pytest.raises(OSError, match=f"HTTP {status[:3]}, which redirects"),
    ):
        asked(server.url, b"what is it?")
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("old", "new", "followed"),
    [
        ("http://a/x", "https://b/y", "https://b/y"),
        ("http://a/x", "y", "http://a/y"),
        ("https://a/x", "//b/y", "https://b/y"),
        ("https://a/x", "https://b/a b\x1b", "https://b/a%20b%1B"),
        ("https://a/x", "http://a/x", None),
        ("http://a/x", "file:///etc/passwd", None),
        ("http://a/x", "ftp://a/x", None),
        ("http://a/x", "http://[", None),
    ],
)
def test_redirects_lead_to_the_same_or_a_better_scheme(
    old: str, new: str, followed: str | None
) -> None:
    if followed is not None:
        assert _followed(old, new) == followed
        return
    with pytest.raises(OSError, match="a redirect "):
        _followed(old, new)


def test_redirects_come_to_an_end() -> None:
    moved = answer("302 Found", "Location: /\r\n")
    with (
        Scripted(*[moved] * 9) as server,
        pytest.raises(OSError, match="more than 5 redirects"),
    ):
        asked(server.url)
    assert len(server.asked) == 6


def test_a_password_is_sent_and_not_passed_on() -> None:
    with Scripted(answer("200 OK", body=b"here")) as other:
        moved = answer("302 Found", f"Location: {other.url}/\r\n")
        with Scripted(moved) as server:
            assert asked(f"http://me:se%3Acret@{server.place}/a") == b"here"
    # RFC 7617: base64 of "me:se:cret".
    assert b"Authorization: Basic bWU6c2U6Y3JldA==" in server.asked[0]
    assert b"Authorization" not in other.asked[0]
    shown = without_password(f"http://me:se%3Acret@{server.place}/a@b")
    assert shown == f"http://{server.place}/a@b"


@pytest.mark.parametrize(
    "begun", [answer("200 OK", body=b"a..."), b"HTTP/1.1 200 OK\r\nX: ...", b"..."]
)
def test_the_whole_has_a_deadline(begun: bytes) -> None:
    """The silence that is allowed, thirty seconds, is not what ends it."""
    with (
        Scripted(begun) as server,
        pytest.raises(TimeoutError, match=r"not done within 0\.3 s"),
    ):
        asked(server.url, whole=0.3)


def test_an_answer_has_a_bound() -> None:
    with (
        Scripted(answer("200 OK", body=b"x" * 1001)) as server,
        pytest.raises(ValueError, match="more than 1,000 bytes"),
    ):
        asked(server.url)
