"""Weights of the Hugging Face Hub, from a server on loopback that answers alike."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hub_server import REPOSITORY, HubServer
from safetensors.numpy import save
from weights_server import NOWHERE

from keras_alexnet import AlexNet, Classifier, Recipe, class_names, preprocess_input
from keras_alexnet.preprocessing import Preprocessing
from keras_alexnet.weights import hub, recipe_of
from keras_alexnet.weights.names import named_weights

pytestmark = pytest.mark.filterwarnings("ignore:.*look untrained:UserWarning")
SUFFIXES = (".safetensors", ".pth")
ONE, TWO = "1" * 40, "2" * 40
HERE = f"hf://{REPOSITORY}"
FILES = {"README.md": b"# AlexNet", "model.pth": b"first", "more/b.pth": b"second"}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache in a Keras home of these tests."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "keras_alexnet" / "hub" / REPOSITORY


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    with HubServer(dict(FILES)) as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url + "/")
        yield running


def kept(home: Path) -> list[str]:
    """The files of weights in the cache."""
    found = (path for path in home.rglob("*") if path.is_file())
    names = (path.relative_to(home).as_posix() for path in found)
    return sorted(
        name for name in names if name.startswith(("1", "2")) and "/." not in name
    )


def refused(address: str) -> str:
    with pytest.raises(ValueError, match="Received: ") as caught:
        hub.local(address, SUFFIXES)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.compat
@pytest.mark.parametrize("large", [True, False])
def test_a_file_is_downloaded_once_and_checked(
    server: HubServer, home: Path, large: bool, capsys: pytest.CaptureFixture
) -> None:
    server.large = large
    path = hub.local(f"{HERE}/more/b.pth", SUFFIXES)
    assert (path, path.read_bytes()) == (home / ONE / "more" / "b.pth", b"second")
    asked = [
        f"/api/models/{REPOSITORY}/revision/main?blobs=true",
        f"/api/models/{REPOSITORY}/revision/{ONE}?blobs=true",
        f"/{REPOSITORY}/resolve/{ONE}/more/b.pth",
    ]
    assert server.requests == asked + [f"/cdn/{ONE}/more/b.pth"] * large
    assert capsys.readouterr().err == (
        f"downloading b.pth, 0.0 MiB from {server.url}{asked[-1]}\n"
    )
    server.requests.clear()
    assert hub.local(f"{HERE}/more/b.pth", SUFFIXES) == path
    assert server.requests == []


def test_a_branch_stays_the_commit_that_it_was(server: HubServer, home: Path) -> None:
    assert hub.local(f"{HERE}/model.pth", SUFFIXES).read_bytes() == b"first"
    server.push({"model.pth": b"newer"}, TWO)
    server.requests.clear()
    for address in (f"{HERE}/model.pth", f"{HERE}/model.pth@main"):
        assert hub.local(address, SUFFIXES).read_bytes() == b"first"
    assert hub.local(f"{HERE}/model.pth@{ONE}", SUFFIXES).read_bytes() == b"first"
    assert server.requests == []
    assert hub.local(f"{HERE}/model.pth@{TWO}", SUFFIXES).read_bytes() == b"newer"
    (home / "revisions" / "main").unlink()
    assert hub.local(f"{HERE}/model.pth", SUFFIXES).read_bytes() == b"newer"
    server.branches["refs/pr/1"] = ONE
    assert hub.local(f"{HERE}/model.pth@refs/pr/1", SUFFIXES).read_bytes() == b"first"
    assert kept(home) == [f"{ONE}/model.pth", f"{TWO}/model.pth"]


@pytest.mark.parametrize(
    ("files", "found"),
    [
        (["README.md", "a.pth"], "a.pth"),
        (["a.pth", "b.pth", "model.safetensors", "x.keras"], "model.safetensors"),
        (["a.pth", "b.pth"], "which has a.pth, b.pth"),
        (["a.safetensors", "b.safetensors"], "which has a.safetensors, b.safetensors"),
        (["README.md", "model.keras"], "which has none"),
    ],
)
def test_without_a_file_the_only_one_is_taken(
    server: HubServer, files: list[str], found: str
) -> None:
    server.commits[ONE] = {name: name.encode() for name in files}
    if " " in found:
        message = refused(HERE)
        assert "must name the file, hf://OWNER/REPOSITORY/FILE, unless one" in message
        assert message.endswith(f"Received: '{HERE}', {found}")
    else:
        assert hub.local(HERE, SUFFIXES).read_bytes() == found.encode()


@pytest.mark.parametrize("large", [True, False])
def test_other_bytes_than_the_hub_states_are_refused(
    server: HubServer, home: Path, large: bool
) -> None:
    server.large = large
    server.listing = server.described("main")
    server.commits[ONE]["model.pth"] = b"f1rst"
    algorithm = "sha256" if large else "git"
    assert f"model.pth must have {algorithm} " in refused(f"{HERE}/model.pth")
    server.commits[ONE]["model.pth"] = b"first and more"
    assert "must have 5 bytes; it was removed" in refused(f"{HERE}/model.pth")
    assert kept(home) == []
    server.commits[ONE]["model.pth"] = b"first"
    assert hub.local(f"{HERE}/model.pth", SUFFIXES).read_bytes() == b"first"


@pytest.mark.parametrize(
    "content", ['{"model.pth": 3}', '{"files": {"model.pth": [5, "0"]}}', "[]"]
)
def test_a_damaged_listing_in_the_cache_is_looked_up_anew_or_named(
    server: HubServer, home: Path, content: str
) -> None:
    path = hub.local(f"{HERE}/model.pth", SUFFIXES)
    listing = home / "listings" / f"{ONE}.json"
    whole = listing.read_bytes()
    listing.write_text(content)
    assert hub.local(f"{HERE}/model.pth", SUFFIXES) == path
    assert listing.read_bytes() == whole
    # with the checksum of what somebody else has written
    listing.write_text(content)
    digest = hashlib.sha256(content.encode()).hexdigest()
    checksum = listing.with_name(f".{listing.name}.sha256")
    checksum.write_text(f"{digest}  {listing.name}\n")
    assert str(listing) in refused(f"{HERE}/model.pth")


def test_a_file_that_is_not_there_is_named(server: HubServer) -> None:
    message = refused(f"{HERE}/other.pth")
    assert "a file of its repository, as model.pth, more/b.pth. Received" in message


@pytest.mark.parametrize("status", [401, 404, 503])
def test_a_repository_that_cannot_be_read_is_one_line(
    server: HubServer, home: Path, status: int
) -> None:
    server.status = status
    message = refused(HERE)
    assert f"the weights '{HERE}' must be available at {server.url}/api/" in message
    assert "private repositories are not read), set HF_ENDPOINT to a mirror" in message
    assert f"Received: HTTP {status} " in message
    assert kept(home) == []


def test_an_unknown_revision_is_one_line(server: HubServer) -> None:
    assert "Received: HTTP 404 Not Found" in refused(f"{HERE}@other")


def test_without_a_network_the_error_names_the_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", NOWHERE)
    message = refused(HERE)
    assert f"at {NOWHERE}/api/models/{REPOSITORY}/revision/main?blobs=true" in message
    assert message.endswith("Received: Connection refused")


@pytest.mark.parametrize(
    "listing",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"sha": 5}',
        b'{"sha": "main"}',
        b"[" * 100_000,
        json.dumps({"sha": ONE, "siblings": {"a": 1}}).encode(),
        json.dumps({"sha": ONE, "siblings": ["model.pth"]}).encode(),
        json.dumps(
            {"sha": ONE, "siblings": [{"rfilename": "a.pth", "lfs": 3}]}
        ).encode(),
    ],
)
def test_other_answers_are_one_line(server: HubServer, listing: bytes) -> None:
    server.listing = listing
    message = refused(HERE)
    assert "the Hub must answer with the commit and the files" in message


def test_an_endless_answer_is_one_line(
    server: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "_MOST", 1000)
    server.listing = b" " * 2000
    assert refused(HERE).endswith("Received: more than 1,000 bytes")


def test_nothing_is_written_outside_the_cache(
    server: HubServer, home: Path, tmp_path: Path
) -> None:
    names = [
        "../../../../out.pth",
        "/tmp/out.pth",
        "a/../../out.pth",
        "..\\out.pth",
        ".pth",
    ]
    server.commits[ONE] = dict.fromkeys(names, b"x")
    assert refused(HERE).endswith("which has none")
    for name in names:
        assert "must be hf://OWNER" in refused(f"{HERE}/{name}")
    assert kept(home) == []
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


@pytest.mark.parametrize(
    "rest",
    [
        "",
        "owner",
        "owner/",
        "/alexnet",
        "owner/a b",
        "owner/alexnet/",
        "owner/x@",
        "../..",
    ]
    + ["owner/alexnet@a@b", "owner/alexnet@../x", "owner/alexnet/a.pth?x", "ä/b"],
)
def test_an_invalid_address_is_one_line(server: HubServer, rest: str) -> None:
    assert refused(f"hf://{rest}").startswith(
        "an address of the Hub must be hf://OWNER"
    )
    assert server.requests == []


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("model.keras", "must hold weights alone: opening a .keras file runs"),
        ("model.bin", "must be one of .safetensors, .pth"),
    ],
)
def test_files_of_other_kinds_are_not_downloaded(
    server: HubServer, file: str, message: str
) -> None:
    assert message in refused(f"{HERE}/{file}")
    assert server.requests == []


@pytest.mark.parametrize("endpoint", ["huggingface.co", "file:///tmp", "http://"])
def test_an_invalid_endpoint_is_one_line(
    endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    assert refused(HERE) == (
        "HF_ENDPOINT must be an http:// or https:// address. "
        f"Received: HF_ENDPOINT={endpoint!r}"
    )


@pytest.mark.compat
def test_whatever_takes_weights_takes_an_address(server: HubServer) -> None:
    recipe = Recipe(Preprocessing("BGR", (1, 2, 3)), "warp", 100, 64)
    model = AlexNet("modern", input_shape=(64, 64, 3), classes=["cat", "dog"])
    arrays = {
        f"{layer}/{name}": np.asarray(variable)
        for layer, variables in named_weights(model).items()
        for name, variable in variables.items()
    }
    held = {"recipe": recipe.as_dict(), "class_names": ["cat", "dog"]}
    content = save(arrays, metadata={"keras_alexnet": json.dumps(held)})
    server.commits[ONE] = {"model.safetensors": content, "config.json": b"{}"}
    other = AlexNet(weights=HERE)
    for mine, theirs in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    server.shutdown()  # from here on the cache alone
    server.server_close()
    assert (recipe_of(HERE), class_names(HERE)) == (recipe, ("cat", "dog"))
    classifier = Classifier(HERE)
    assert (classifier.origin, classifier.class_names) == (HERE, ("cat", "dog"))
    assert classifier.recipe == recipe
    x = np.full((1, 64, 64, 3), 5.0)
    np.testing.assert_array_equal(preprocess_input(x, weights=HERE)[0, 0, 0], [2, 3, 4])


def test_an_address_is_no_variant(server: HubServer) -> None:
    with pytest.raises(ValueError, match=f"weights='{HERE}'.*variant='{HERE}'"):
        AlexNet(HERE)
    assert server.requests == []
