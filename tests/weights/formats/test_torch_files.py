"""State dicts: PyTorch's own arrays and outputs, in both forms; damaged files.

The fixtures were made by PyTorch (fixtures/make_owt.py). Where PyTorch can be imported
(`pip install '.[torch]'`) the network is also compared at full size.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch_alexnet
from pickle_assembly import (
    build,
    call,
    name,
    row,
    table,
    tensor,
    value,
    write_torch_legacy,
    write_torch_zip,
)

from keras_alexnet import AlexNet, architectures, models
from keras_alexnet.weights.formats.conversion import from_torch
from keras_alexnet.weights.formats.torch_files import read_state_dict
from keras_alexnet.weights.loading import assign_weights

FIXTURES = Path(__file__).parent / "fixtures"
CONTENT = np.arange(6, dtype="<f4").tobytes()
GOOD = tensor(6, (2, 3), (3, 1))


@pytest.mark.compat
@pytest.mark.parametrize("form", ["", "_legacy"])
@pytest.mark.parametrize("fixture", ["owt", "kinds"])
def test_arrays_are_pytorchs(fixture: str, form: str) -> None:
    expected = np.load(FIXTURES / f"{fixture}.npz")
    state = read_state_dict(FIXTURES / f"{fixture}{form}.pth")
    assert set(state) == set(expected.files) - {"levels", "output"}
    for key, values in state.items():
        assert values.shape == expected[key].shape
        np.testing.assert_array_equal(values, expected[key])


def test_number_types_are_kept() -> None:
    types = {k: v.dtype for k, v in read_state_dict(FIXTURES / "kinds.pth").items()}
    assert {types[key].name for key in ("bfloat16", "transposed", "parameter")} == {
        "float32"
    }
    assert (types["double"], types["half"], types["uint8"]) == ("f8", "f2", "u1")


@pytest.mark.compat
@pytest.mark.parametrize("form", ["", "_legacy"])
def test_outputs_are_pytorchs(form: str) -> None:
    expected = np.load(FIXTURES / "owt.npz")
    path = FIXTURES / f"owt{form}.pth"
    named = from_torch(read_state_dict(path), str(path))
    record = architectures.get("owt")
    convolutions = tuple(
        dataclasses.replace(each, filters=len(named[f"conv{index}"]["bias"]))
        for index, each in enumerate(record.convolutions, start=1)
    )
    model = models.build(
        dataclasses.replace(record, convolutions=convolutions, dense=(8, 8)),
        input_shape=expected["levels"].shape[1:],
        classes=10,
        classifier_activation=None,
    )
    assign_weights(model, named, str(path))
    output = model(expected["levels"].astype("float32") - 1.5).numpy()
    scale = np.abs(expected["output"]).max()
    np.testing.assert_allclose(output, expected["output"], atol=1e-5 * scale, rtol=0)


@pytest.mark.skipif(
    importlib.util.find_spec("torch") is None,
    reason="needs PyTorch: pip install '.[torch]'",
)
def test_the_whole_network_is_pytorchs(tmp_path: Path) -> None:
    import torch

    torch.manual_seed(0)
    network = torch_alexnet.network()
    torch.save(network.state_dict(), tmp_path / "alexnet.pth")
    with pytest.warns(UserWarning, match="look untrained"):
        model = AlexNet(weights=tmp_path / "alexnet.pth", classifier_activation=None)
    (tmp_path / "alexnet.pth").unlink()
    images = np.random.default_rng(0).normal(0, 1, (2, 224, 224, 3)).astype("float32")
    expected = torch_alexnet.logits(network, images)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(model(images), expected, atol=1e-5 * scale, rtol=0)


@pytest.mark.parametrize("order", ["little", "big"])
def test_the_byte_order_of_the_file_is_used(tmp_path: Path, order: str) -> None:
    content = np.arange(6).astype(">f4" if order == "big" else "<f4").tobytes()
    records = {"data/0": content, "byteorder": order.encode()}
    path = write_torch_zip(tmp_path / "a.pth", table({"w": GOOD}), records)
    np.testing.assert_array_equal(
        read_state_dict(path)["w"], np.arange(6).reshape(2, 3)
    )


def refused(path: Path) -> str:
    with pytest.raises(ValueError, match=r"^weights must be a whole Py") as e:
        read_state_dict(path)
    text = str(e.value)
    assert "\n" not in text
    assert f"Received: {str(path)!r} (" in text
    return text


@pytest.mark.parametrize(
    "bad",
    [
        tensor(6, (2, 4), (4, 1)),
        tensor(6, (2, 3), (3, 1), offset=1),
        tensor(6, (2, 2), (5, 1)),
        tensor(6, (2, 3), (3, -1)),
        tensor(6, (2, 3), (3, 1), offset=-1),
        tensor(6, (10**6, 3), (0, 1)),  # a million rows from three numbers
        tensor(6, (1,) * 40, (1,) * 40),
        tensor(6, (2, 3), (3,)),
        tensor(6, [2, 3], (3, 1)),
        tensor(6, (2, 3), ("x", 2**39)),
        tensor(6, (2**70,), (0,)),
        tensor(6, (2.0, 3), (3, 1)),
        tensor(6, (2, 3), (3, 1), offset="0"),
    ],
)
def test_a_tensor_stays_within_its_storage(tmp_path: Path, bad: bytes) -> None:
    path = write_torch_zip(tmp_path / "a.pth", table({"w": bad}), {"data/0": CONTENT})
    assert "its pickle holds a tensor" in refused(path)
    path = write_torch_legacy(tmp_path / "b.pth", table({"w": bad}), {"0": CONTENT})
    assert "its pickle holds a tensor" in refused(path)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (table({"w": value("a")}), "'w' is a str"),
        (GOOD, "it holds no state dict"),
        (value({}), "it holds no state dict"),
        (table({"w": GOOD, "v": tensor(5, (5,), (1,))}), "'0' two types"),
        (table({"w": GOOD, "v": tensor(6, (6,), (1,), kind="Half")}), "two types"),
        (table({"w": tensor(7, (2, 3), (3, 1))}), "a storage has 24 bytes, not 28"),
        (table({"w": tensor(-6, (2, 3), (3, 1))}), "a storage of another form"),
        (table({"w": row(value("module"), b"NNNN") + b"Q"}), "other than a storage"),
        (table({"w": name("torch", "FloatStorage")}), "holds a StandIn"),
        (call(name("os", "system"), value("true")), "names 'os.system'"),
        (
            table({"w": build(GOOD, value({"shape": (9, 9)}))}),
            "alters what it has built",
        ),
    ],
)
def test_other_contents_are_refused(tmp_path: Path, body: bytes, message: str) -> None:
    path = write_torch_zip(tmp_path / "a.pth", body, {"data/0": CONTENT})
    assert message in refused(path)


def test_other_archives_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    body = table({"w": GOOD})
    records = {"data/0": CONTENT}
    write_torch_zip(path, body, {})
    assert "no item named 'archive/data/0'" in refused(path)
    write_torch_zip(path, body, records, compression=zipfile.ZIP_DEFLATED)
    assert "compressed or overlap" in refused(path)
    write_torch_zip(path, table({"w": tensor(999, (999,), (1,))}), {})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("archive/data/0", bytes(999 * 4))
        archive.filelist += archive.filelist[-1:] * 10  # ten names for one content
    assert "compressed or overlap" in refused(path)
    write_torch_zip(path, body, {**records, "byteorder": b"middle"})
    assert "its byte order is b'middle'" in refused(path)
    write_torch_zip(path, body, {**records, "other/data.pkl": b""})
    assert "without PyTorch's data.pkl" in refused(path)
    write_torch_zip(path, body, records)
    path.write_bytes(path.read_bytes().replace(CONTENT, CONTENT[::-1]))
    assert "Bad CRC-32" in refused(path)


def test_other_legacy_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    body = table({"w": GOOD})
    write_torch_legacy(path, body, {"1": CONTENT})
    assert "its storages are not those" in refused(path)
    write_torch_legacy(path, body, {"0": CONTENT[:-4]})
    assert "a storage has 5 elements, not 6" in refused(path)
    write_torch_legacy(path, table({"w": tensor(2**39, (6,), (1,))}), {"0": CONTENT})
    assert "a storage has 6 elements" in refused(path)
    path.write_bytes(
        path.read_bytes().replace(b"\x06" + bytes(7), bytes(4) + b"\x80\0\0\0")
    )
    assert "it ends too early" in refused(path)
    write_torch_legacy(path, body, {"0": CONTENT})
    path.write_bytes(path.read_bytes().replace(b"endianq\x02\x88", b"endianq\x02\x89"))
    assert "big-endian" in refused(path)
    path.write_bytes(pickle.dumps({"w": 1}))
    assert "does not begin like a file of PyTorch" in refused(path)


@pytest.mark.compat
@pytest.mark.parametrize("form", ["", "_legacy"])
def test_cut_files_are_refused(tmp_path: Path, form: str) -> None:
    content = (FIXTURES / f"kinds{form}.pth").read_bytes()
    path = tmp_path / "cut.pth"
    for end in range(0, len(content), 37):
        path.write_bytes(content[:end])
        refused(path)
    refused(tmp_path / "none.pth")
