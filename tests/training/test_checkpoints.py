"""Checkpoints: damage is found, and nothing that was good is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from keras_alexnet.optimizers import assign
from keras_alexnet.training.checkpoints import Checkpoints
from keras_alexnet.training.updates import RULES


class Kept:
    """A state of one variable, with its checkpoints and what they say."""

    def __init__(self, run: Path) -> None:
        self.value = tf.Variable(tf.zeros([64]))
        self.said: list[str] = []
        state = {"model": {"conv1": {"kernel": self.value}}}
        self.checkpoints = Checkpoints(run, state, self.said.append)

    def save(self, step: int) -> None:
        self.value.assign(tf.fill([64], float(step)))
        self.checkpoints.save(step)
        self.checkpoints.wait()


@pytest.fixture
def run(tmp_path: Path) -> Path:
    kept = Kept(tmp_path)
    for step in (3, 6, 9):
        kept.save(step)
    return tmp_path


def by_rule(name: str) -> Callable[[tf.Variable], Callable[[], None]]:
    def prepared(variable: tf.Variable) -> Callable[[], None]:
        rule = RULES[name]([variable], [0.1], 0.9)
        return lambda: rule.apply([tf.ones([64])], tf.constant([1.0]))

    return prepared


CHANGES: dict[str, Callable[[tf.Variable], Callable[[], object]]] = {
    **{name: by_rule(name) for name in RULES},
    "assign": lambda variable: lambda: variable.assign(tf.fill([64], 5.0)),
    "assign_add": lambda variable: lambda: variable.assign_add(tf.ones([64])),
    "a replica's": lambda variable: lambda: assign(variable, tf.fill([64], 5.0)),
}


@pytest.mark.compat
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("compiled", [False, True])
def test_what_comes_after_a_save_is_not_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str, compiled: bool
) -> None:
    """The state is written while the next steps change the variables."""
    begin, write = threading.Event(), Checkpoints._write

    def late(*arguments: object) -> None:
        assert begin.wait(60)
        write(*arguments)

    monkeypatch.setattr(Checkpoints, "_write", late)
    kept = Kept(tmp_path)
    after = CHANGES[change](kept.value)
    if compiled:
        after = tf.function(after, autograph=False).get_concrete_function()
    kept.value.assign(tf.fill([64], 7.0))
    kept.checkpoints.save(3)
    after()
    assert not np.any(kept.value.numpy() == 7.0)
    begin.set()
    kept.checkpoints.wait()
    again = Kept(tmp_path)
    assert again.checkpoints.restore() == 3
    np.testing.assert_array_equal(again.value.numpy(), 7.0)


def file(run: Path, step: int, kind: str) -> Path:
    (path,) = (run / "checkpoints").glob(f"step-{step}.{kind}*")
    return path


@pytest.mark.compat
def test_two_are_kept_and_tensorflow_knows_the_newest(run: Path) -> None:
    names = {path.name.split(".")[0] for path in (run / "checkpoints").iterdir()}
    assert names == {"checkpoint", "step-6", "step-9"}
    newest = tf.train.latest_checkpoint(str(run / "checkpoints"))
    assert newest == str(run / "checkpoints" / "step-9")


@pytest.mark.compat
def test_a_run_named_from_here_can_be_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Kept(Path("run")).save(3)
    assert tf.train.latest_checkpoint("run/checkpoints") == "run/checkpoints/step-3"
    moved = Path("run").rename("moved") / "checkpoints"
    assert tf.train.latest_checkpoint(str(moved)) == str(moved / "step-3")


def test_the_newest_is_restored(run: Path) -> None:
    kept = Kept(run)
    assert (kept.checkpoints.restore(), float(kept.value[0])) == (9, 9.0)
    assert kept.said == []


@pytest.mark.compat
@pytest.mark.parametrize("kind", ["data", "index"])
@pytest.mark.parametrize("damage", ["cut", "flipped", "gone"])
def test_a_damaged_one_is_told_and_the_one_before_is_used(
    run: Path, kind: str, damage: str
) -> None:
    path = file(run, 9, kind)
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 0x10
    path.write_bytes(content[:-40] if damage == "cut" else content)
    if damage == "gone":
        path.unlink()
    kept = Kept(run)
    assert (kept.checkpoints.restore(), float(kept.value[0])) == (6, 6.0)
    if (kind, damage) != ("index", "gone"):  # Without its index it never was.
        assert len(kept.said) == 1
        assert "step-9 is damaged and was set aside" in kept.said[0]
        assert "resumes from step-6" in kept.said[0]
        aside = run / "checkpoints" / f"damaged-{path.name}"
        assert aside.exists() is (damage != "gone")
        if damage != "gone":  # Nothing is thrown away that a person may repair.
            assert aside.read_bytes() == (content[:-40] if damage == "cut" else content)
    assert tf.train.latest_checkpoint(str(run / "checkpoints")).endswith("step-6")
    kept.save(9)
    assert Kept(run).checkpoints.restore() == 9


def test_no_flipped_bit_goes_unseen(run: Path) -> None:
    path = file(run, 9, "data")
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for place in rng.choice(len(whole), 40, replace=False):
        content = bytearray(whole)
        content[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(content)
        reader_sees = Kept(run)
        kept_files = {p: p.read_bytes() for p in (run / "checkpoints").iterdir()}
        assert reader_sees.checkpoints.restore() == 6, place
        for each in set((run / "checkpoints").iterdir()) - set(kept_files):
            each.unlink()
        for each, old in kept_files.items():
            each.write_bytes(old)


def test_two_damaged_ones_of_a_step_are_both_set_aside(run: Path) -> None:
    for content in (b"first", b"second"):
        file(run, 9, "data").write_bytes(content)
        kept = Kept(run)
        assert kept.checkpoints.restore() == 6
        kept.save(9)
        kept.save(6)  # so that there is an older one again
    aside = sorted((run / "checkpoints").glob("damaged-*.data-*"))
    assert [path.read_bytes() for path in aside] == [b"second", b"first"]


# Reads as another user, who is refused; the superuser reads everything.
UNREADABLE = """
import os, pathlib, sys
import tensorflow as tf
from keras_alexnet.training.checkpoints import Checkpoints
value = tf.Variable(tf.zeros([64]))
checkpoints = Checkpoints(
    pathlib.Path(sys.argv[1]), {"model": {"conv1": {"kernel": value}}}, print)
if os.geteuid() == 0:
    os.seteuid(65534)
try:
    checkpoints.restore()
except (ValueError, OSError) as error:
    print(error)
"""


@pytest.mark.parametrize("what", ["index", "data", "directory"])
def test_what_cannot_be_read_is_left_where_it_is(
    python, run: Path, tmp_path: Path, what: str
) -> None:
    directory = run / "checkpoints"
    for path in (tmp_path, *tmp_path.parents[:3]):  # pytest's own are for one user
        path.chmod(path.stat().st_mode | 0o755)
    directory.chmod(0o777)
    before = {path: path.read_bytes() for path in directory.iterdir()}
    locked = directory if what == "directory" else file(run, 9, what)
    locked.chmod(0)
    (line,) = python(UNREADABLE, str(run)).splitlines()
    locked.chmod(0o777)
    assert "Permission denied" in line
    assert {path: path.read_bytes() for path in directory.iterdir()} == before


@pytest.mark.parametrize("name", ["k[a]", "k\\x", "k*", "a b"])
def test_a_run_of_any_name_is_restored(tmp_path: Path, name: str) -> None:
    for step in (3, 6):
        Kept(tmp_path / name).save(step)
    kept = Kept(tmp_path / name)
    assert (kept.checkpoints.restore(), float(kept.value[0])) == (6, 6.0)
    assert kept.said == []


def test_a_good_one_stays_when_it_cannot_be_written_again(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: tf.train.Checkpoint, path: str) -> None:
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    kept = Kept(run)
    with monkeypatch.context() as patch:
        patch.setattr(tf.train.Checkpoint, "write", full)
        with pytest.raises(ValueError, match="step-9 stays good"):
            kept.save(9)
    assert Kept(run).checkpoints.restore() == 9


def test_the_only_one_must_be_whole(run: Path) -> None:
    for path in (run / "checkpoints").glob("step-6.*"):
        path.unlink()
    file(run, 9, "data").write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match=r"step-9', the only one") as caught:
        Kept(run).checkpoints.restore()
    assert "\n" not in str(caught.value)


def test_another_networks_is_refused(run: Path) -> None:
    other = tf.Variable(tf.zeros([7]))
    checkpoints = Checkpoints(run, {"model": {"conv1": {"kernel": other}}}, print)
    with pytest.raises(ValueError, match="of this network"):
        checkpoints.restore()


def test_without_any_nothing_is_restored(tmp_path: Path) -> None:
    assert Kept(tmp_path).checkpoints.restore() == 0


# The kernel of the system refuses the write, as it does on a full disk.
FULL = """
import pathlib, resource, signal, sys
import tensorflow as tf
from keras_alexnet.training.checkpoints import Checkpoints
value = tf.Variable(tf.zeros([100_000]))
checkpoints = Checkpoints(
    pathlib.Path(sys.argv[1]), {"model": {"conv1": {"kernel": value}}}, print)
checkpoints.save(3)
checkpoints.wait()
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    checkpoints.save(6)
    checkpoints.wait()
except ValueError as error:
    print(error)
"""


@pytest.mark.compat
def test_a_full_disk_costs_nothing_that_was_there(python, tmp_path: Path) -> None:
    (line,) = python(FULL, str(tmp_path)).splitlines()
    assert "the checkpoint of step 6 must be written" in line
    assert "step-3 stays good. Make room" in line
    names = {path.name.split(".")[0] for path in (tmp_path / "checkpoints").iterdir()}
    assert names == {"checkpoint", "step-3"}


def test_a_directory_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").write_text("in the way")
    with pytest.raises(ValueError, match="there is none before it"):
        Kept(tmp_path).save(3)
