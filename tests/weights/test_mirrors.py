"""Several addresses of the very same bytes: each is shown, and the hashes decide."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from weights_server import NOWHERE, WeightsServer, published

from keras_alexnet.weights import get
from keras_alexnet.weights.download import fetch
from keras_alexnet.weights.published import WeightSet
from keras_alexnet.weights.remote_files import Unavailable, WrongFile

CONTENT = b"as published" * 1000
OTHER = CONTENT[:-1] + b"!"
SHA1 = hashlib.sha1(CONTENT).hexdigest()
SHA256 = hashlib.sha256(CONTENT).hexdigest()
NAME = "bvlc_alexnet.caffemodel"


def record(*servers: str, **changes: object) -> WeightSet:
    """A set with an address on each server, of which the first is the publisher's."""
    mirrors = tuple(f"{url}/some/where" for url in servers[1:])
    return published(CONTENT, servers[0], mirrors=mirrors, **changes)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """An empty folder to download to."""
    (tmp_path / "here").mkdir()
    return tmp_path / "here"


def test_mirrors_are_left_alone_while_the_publisher_has_the_file(here: Path) -> None:
    with WeightsServer(CONTENT) as first, WeightsServer(CONTENT) as second:
        assert fetch(record(first.url, second.url), here).read_bytes() == CONTENT
        assert first.requests == [(f"/{NAME}", None)]
        assert second.requests == []


FAULTS: dict[str, tuple[dict, bytes, str]] = {
    "missing": ({"status": 404}, CONTENT, "HTTP 404 Not Found"),
    "always cut": (
        {"cuts": (5, 7, 9)},
        CONTENT,
        "21 of 12,000 bytes, then no more",
    ),
    "other bytes": ({}, OTHER, f"sha1 {hashlib.sha1(OTHER).hexdigest()}"),
    "a page": ({}, b"<html>log in first</html>", "25 bytes"),
    "too long": ({"announces": False}, CONTENT * 2, "24,000 bytes"),
}


@pytest.mark.compat
@pytest.mark.parametrize("fault", FAULTS)
def test_where_one_address_fails_the_next_is_tried(
    here: Path, capsys: pytest.CaptureFixture, fault: str
) -> None:
    options, content, reason = FAULTS[fault]
    with WeightsServer(content, **options) as first, WeightsServer(CONTENT) as second:
        path = fetch(record(first.url, second.url), here)
        assert second.requests == [("/some/where", None)]  # whole, not a remainder
        lines = [
            f"downloading {NAME}, 0.0 MiB from {first.url}/{NAME}",
            f"{first.url}/{NAME}: {reason}; the next address is tried",
            f"downloading {NAME}, 0.0 MiB from {second.url}/some/where",
        ]
    assert path.read_bytes() == CONTENT
    assert [each.name for each in here.iterdir()] == [NAME]
    assert capsys.readouterr().err.splitlines() == lines


def test_a_server_that_is_down_is_passed_over(here: Path) -> None:
    with WeightsServer(CONTENT) as second:
        assert fetch(record(NOWHERE, second.url), here).read_bytes() == CONTENT


@pytest.mark.compat
def test_if_all_are_down_one_line_gives_each_reason(here: Path) -> None:
    with WeightsServer(CONTENT, status=503) as second, WeightsServer(OTHER) as third:
        with pytest.raises(Unavailable) as caught:
            fetch(record(NOWHERE, second.url, third.url), here)
        addresses = (second.url, third.url)
    message = str(caught.value)
    assert "\n" not in message
    assert "the weights 'bvlc_alexnet' must be available at one of 3 addres" in message
    assert "set KERAS_ALEXNET_WEIGHTS to a mirror's address or to a folder" in message
    assert f"that holds {NAME} (sha1 {SHA1})" in message
    assert f"Received: {NOWHERE}/{NAME}: Connection refused; " in message
    assert f"{addresses[0]}/some/where: HTTP 503 Service Unavailable; " in message
    assert message.endswith(
        f"{addresses[1]}/some/where: sha1 {hashlib.sha1(OTHER).hexdigest()}"
    )
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("wrong", ["sha1", "sha256"])
def test_every_hash_is_checked(here: Path, wrong: str) -> None:
    changes: dict = {"other_digests": (("sha256", SHA256),)}
    with WeightsServer(CONTENT) as server:
        assert fetch(record(server.url, **changes), here).read_bytes() == CONTENT
        if wrong == "sha1":
            changes["digest"] = "0" * 40
        else:
            changes["other_digests"] = (("sha256", "0" * 64),)
        with pytest.raises(WrongFile, match=f"must have {wrong} 0000") as caught:
            fetch(record(server.url, **changes), here)
    received = {"sha1": SHA1, "sha256": SHA256}[wrong]
    assert str(caught.value).endswith(f"Received: {wrong} {received}")
    assert list(here.iterdir()) == []


def test_a_named_source_is_the_only_one(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with WeightsServer(OTHER) as named, WeightsServer(CONTENT) as publisher:
        monkeypatch.setenv("KERAS_ALEXNET_WEIGHTS", named.url)
        with pytest.raises(WrongFile):
            fetch(record(publisher.url, publisher.url), here)
        assert publisher.requests == []
        assert len(named.requests) == 1


def test_the_addresses_of_bvlc_alexnet() -> None:
    first, *mirrors = get("bvlc_alexnet").urls
    assert first.startswith("http://dl.caffe.berkeleyvision.org/")
    assert [each.partition("/")[2].split("/")[1] for each in mirrors] == [
        "nvidia.box.com",
        "apache-mxnet.s3-accelerate.dualstack.amazonaws.com",
    ]
    assert dict(get("bvlc_alexnet").digests).keys() == {"sha1", "sha256"}
