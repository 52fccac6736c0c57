"""Downloads from a server on loopback: what arrives, what is refused, what is left."""

from __future__ import annotations

import hashlib
import io
import re
import socket
import sys
import traceback
from pathlib import Path

import numpy as np
import pytest
from weights_server import NOWHERE, SilentServer, WeightsServer, published

from keras_alexnet.weights import download, remote_files
from keras_alexnet.weights.cache import cached
from keras_alexnet.weights.download import fetch
from keras_alexnet.weights.published import WeightSet

CONTENT = np.random.default_rng(0).bytes(3 << 20)  # more than one chunk
SHA1 = hashlib.sha1(CONTENT).hexdigest()


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """An empty folder to download to."""
    (tmp_path / "here").mkdir()
    return tmp_path / "here"


def record(url: str = NOWHERE, **changes: object) -> WeightSet:
    return published(CONTENT, url, **changes)


def refused(record: WeightSet, here: Path) -> str:
    """The one line that `fetch` gives instead of a file; nothing is left behind."""
    with pytest.raises(ValueError, match="Received: ") as error:
        fetch(record, here)
    assert list(here.iterdir()) == []
    assert "\n" not in str(error.value)
    return str(error.value)


def test_an_error_has_one_traceback(here: Path, monkeypatch) -> None:
    """The message names the cause; what urllib and sockets raised is no help."""
    with WeightsServer(CONTENT, status=404) as server:
        for url in (NOWHERE, server.url):
            with pytest.raises(ValueError, match="Received: ") as caught:
                fetch(record(url), here)
            shown = "".join(traceback.format_exception(caught.value))
            assert shown.count("Traceback (most recent call last)") == 1
    monkeypatch.setenv("KERAS_HOME", str(here / "file" / "below"))
    (here / "file").write_text("")
    with pytest.raises(ValueError, match="must be a folder") as caught:
        cached(record(), lambda *paths: None)
    shown = "".join(traceback.format_exception(caught.value))
    assert shown.count("Traceback (most recent call last)") == 1


@pytest.mark.compat
@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
@pytest.mark.parametrize("announces", [True, False])
@pytest.mark.parametrize("size", [len(CONTENT), None])
def test_the_file_is_downloaded(
    here: Path, algorithm: str, announces: bool, size: int | None
) -> None:
    digest = hashlib.new(algorithm, CONTENT).hexdigest()
    with WeightsServer(CONTENT, announces=announces) as server:
        wanted = record(server.url, algorithm=algorithm, digest=digest, size=size)
        path = fetch(wanted, here)
        assert server.requests == [("/bvlc_alexnet.caffemodel", None)]
    assert path == here / "bvlc_alexnet.caffemodel"
    assert path.read_bytes() == CONTENT


@pytest.mark.compat
def test_an_interrupted_download_resumes_where_it_stopped(here: Path) -> None:
    with WeightsServer(CONTENT, cuts=(5, 7)) as server:
        path = fetch(record(server.url), here)
        assert [wanted for _, wanted in server.requests] == [
            None,
            "bytes=5-",
            "bytes=12-",
        ]
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("announces", [True, False])
def test_a_server_that_cannot_resume_starts_again(here: Path, announces: bool) -> None:
    with WeightsServer(CONTENT, cuts=(5,), ranges=False, announces=announces) as server:
        path = fetch(record(server.url), here)
        assert len(server.requests) == 2
    assert path.read_bytes() == CONTENT


def test_a_connection_that_is_always_cut_is_an_error(here: Path) -> None:
    with WeightsServer(CONTENT, cuts=(5, 7, 9)) as server:
        message = refused(record(server.url), here)
        assert len(server.requests) == 3
    assert "Received: 21 of 3,145,728 bytes, then no more" in message


@pytest.mark.compat
def test_a_wrong_hash_names_both(here: Path) -> None:
    other = CONTENT[:-1] + bytes([CONTENT[-1] ^ 1])
    with WeightsServer(other) as server:
        message = refused(record(server.url), here)
    assert f"must have sha1 {SHA1}; it was removed" in message
    assert message.endswith(f"Received: sha1 {hashlib.sha1(other).hexdigest()}")


@pytest.mark.parametrize(
    "content", [b"<html>log in first</html>", CONTENT * 2], ids=["short", "long"]
)
def test_a_wrong_size_is_refused(here: Path, content: bytes) -> None:
    with WeightsServer(content) as server:
        message = refused(record(server.url), here)
    assert "must have 3,145,728 bytes" in message
    received = int(
        re.sub(r".*Received: ([\d,]+) bytes", r"\1", message).replace(",", "")
    )
    # Of a file that is too long no more is taken than tells that.
    assert received <= min(len(content), len(CONTENT) + (1 << 20))


def test_a_file_of_unknown_size_has_a_bound(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "MOST", 1000)
    monkeypatch.setattr(remote_files, "MOST", 1000)
    for announces, reason in ((True, "3,145,728 bytes, too many"), (False, " bytes")):
        with WeightsServer(CONTENT, announces=announces) as server:
            message = refused(record(server.url, size=None), here)
        assert message.endswith(reason)


@pytest.mark.parametrize("status", [404, 403, 503])
def test_an_answer_without_the_file_is_an_error(here: Path, status: int) -> None:
    with WeightsServer(CONTENT, status=status) as server:
        message = refused(record(server.url), here)
        assert len(server.requests) == 1
    assert f"Received: HTTP {status} " in message


@pytest.mark.compat
def test_without_a_network_the_error_names_alternatives(here: Path) -> None:
    with SilentServer() as server:
        url = server.url
    message = refused(record(url), here)  # the port is closed by now
    assert f"must be available at {url}/bvlc_alexnet.caffemodel" in message
    assert "set KERAS_ALEXNET_WEIGHTS to a mirror's address or to a folder" in message
    assert f"bvlc_alexnet.caffemodel (sha1 {SHA1})" in message
    assert message.endswith("Received: Connection refused")


def test_a_server_that_never_answers_is_an_error(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "_TIMEOUT", 0.05)
    with SilentServer() as server:
        assert refused(record(server.url), here).endswith("Received: timed out")


def test_an_unknown_host_is_refused(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*arguments: object, **options: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    message = refused(record("http://weights.invalid"), here)
    assert "must be available at http://weights.invalid/" in message
    assert message.endswith("Received: Name or service not known")


@pytest.mark.skipif(sys.platform != "linux", reason="the full device is Linux's")
def test_a_full_disk_is_an_error(here: Path) -> None:
    (here / "bvlc_alexnet.caffemodel").symlink_to("/dev/full")
    with WeightsServer(CONTENT) as server:
        message = refused(record(server.url), here)
    assert f"room for bvlc_alexnet.caffemodel (3.0 MiB) in '{here}'" in message
    assert message.endswith("Received: No space left on device")


def test_progress_is_one_line_where_there_is_no_terminal(
    here: Path, capsys: pytest.CaptureFixture
) -> None:
    with WeightsServer(CONTENT) as server:
        fetch(record(server.url), here)
        fetch(record(server.url, size=None), here)
        address = f"{server.url}/bvlc_alexnet.caffemodel"
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        f"downloading bvlc_alexnet.caffemodel, 3.0 MiB from {address}",
        f"downloading bvlc_alexnet.caffemodel, of unknown size from {address}",
    ]


@pytest.mark.compat
def test_progress_is_a_bar_on_a_terminal(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with WeightsServer(CONTENT) as server:
        fetch(record(server.url), here)
    shown = terminal.getvalue()
    assert "downloading bvlc_alexnet.caffemodel, 3.0 MiB from" in shown
    assert "3.0/3.0 MiB" in shown
