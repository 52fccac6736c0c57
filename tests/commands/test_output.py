"""What becomes of a command whose output nobody takes, as a shell puts it together."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

PROGRAM = str(Path(sys.executable).parent / "keras-alexnet")
CLOSED = "head -c 0 </dev/null"  # reads nothing and ends
WITHOUT = "the command continues without it"


@pytest.fixture
def shell(tmp_path: Path) -> Callable[..., tuple[int, str, str]]:
    """Runs `keras-alexnet …` followed by shell syntax; gives its code and what it said.

    The code is that of the command, not of what reads its output.
    """

    def call(after: str, *arguments: str, **environment: str) -> tuple[int, str, str]:
        result = subprocess.run(
            ["bash", "-c", f'"$@" {after}; exit ${{PIPESTATUS[0]}}', "bash"]
            + [PROGRAM, *arguments],
            cwd=tmp_path,
            env={**_outside(), **environment},
            capture_output=True,
            check=False,
        )
        return result.returncode, *(
            each.decode(errors="surrogateescape")
            for each in (result.stdout, result.stderr)
        )

    return call


@pytest.mark.parametrize(
    ("after", "why"),
    [
        (f"| {CLOSED}", "Broken pipe"),
        (">&-", "Bad file descriptor"),
        ("> /dev/full", "No space left on device"),
    ],
)
def test_a_run_goes_on_without_its_output(
    shell, pictures: Path, tmp_path: Path, after: str, why: str
) -> None:
    code, _, err = shell(
        after,
        "train",
        f"--data=folder:{pictures}",
        "--image_size=64",
        "--batch_size=8",
        "--epochs=1",
        "--steps_per_epoch=1",
        "--model_dir=run",
    )
    assert code == 0
    assert err.count("\n") == 1
    assert WITHOUT in err
    assert why in err
    assert json.loads((tmp_path / "run" / "result.json").read_text())["val_pictures"]
    assert list((tmp_path / "run" / "checkpoints").glob("weights-1.index"))


def test_a_preparation_goes_on_without_its_output(
    shell, pictures: Path, tmp_path: Path
) -> None:
    flags = (f"--data=folder:{pictures}", "--out=out")
    code, _, err = shell(f"| {CLOSED}", "prepare", *flags)
    assert (code, err.count("\n")) == (0, 1)
    assert (tmp_path / "out" / "dataset.json").is_file()


def test_a_reader_that_has_enough_is_no_error(shell, run: Path) -> None:
    """And the command stops: there would be a batch for each picture."""
    flags = ("predict", f"--model={run}", "--batch_size=1", "--json")
    pictures = 10_000 * [str(run / "example.jpg")]
    code, out, err = shell("| head -n 1", *flags, *pictures)
    assert (code, err) == (0, "")
    assert len(out.splitlines()) == 1


def test_a_reader_that_reads_nothing_is_no_error(shell, run, pictures) -> None:
    for arguments in (
        ("evaluate", f"--model={run}", f"--data=folder:{pictures}"),
        ("train", "--help"),
    ):
        assert shell(f"| {CLOSED}", *arguments) == (0, "", "")


@pytest.mark.parametrize(
    ("after", "arguments"),
    [
        (">&-", ("predict", "--model={run}", "{run}/example.jpg")),
        ("> /dev/full", ("predict", "--model={run}", "{run}/example.jpg")),
        ("> /dev/full", ("--help",)),
    ],
)
def test_output_that_is_needed_and_cannot_be_written_is_an_error(
    shell, run: Path, after: str, arguments: tuple[str, ...]
) -> None:
    code, _, err = shell(after, *(each.format(run=run) for each in arguments))
    assert (code, err.count("\n")) == (2, 1)
    assert "standard output" in err


def test_nobody_need_hear_of_errors(shell, run: Path) -> None:
    for after in ("2> /dev/full", "<&- >&- 2>&-"):
        code, out, err = shell(after, "predict", f"--model={run}", "none.jpg")
        assert (code, err) == (2, "")
        assert ("none.jpg" in out) == after.startswith("2>")


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
)
def test_what_an_encoding_has_no_sign_for_is_escaped(
    shell, pictures: Path, environment: dict[str, str]
) -> None:
    flags = (f"--data=folder:{pictures}", "--out=out", "--size=64")
    code, out, err = shell("", "prepare", *flags, **environment)
    assert (code, err) == (0, "")
    assert "64\\xd764" in out


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_names_of_any_bytes_come_back_from_json(
    shell, run: Path, tmp_path: Path, encoding: str
) -> None:
    name = "é\udce9.jpg"  # the second byte 0xE9 alone, which is no UTF-8
    (tmp_path / name).write_bytes((run / "example.jpg").read_bytes())
    flags = ("predict", f"--model={run}", "--json", name)
    code, out, err = shell("", *flags, PYTHONIOENCODING=encoding)
    assert (code, err) == (0, "")
    assert json.loads(out)["picture"] == name
    code, out, err = shell("", "predict", f"--model={run}", name)
    assert (code, err) == (0, "")
    assert "é\\udce9.jpg" in out


@pytest.mark.parametrize(("level", "silent"), [("0", False), ("1", True), ("3", True)])
def test_a_log_level_does_not_bring_more_lines(
    shell, run: Path, level: str, silent: bool
) -> None:
    flags = ("predict", f"--model={run}", str(run / "example.jpg"))
    code, _, err = shell("", *flags, TF_CPP_MIN_LOG_LEVEL=level)
    assert (code, err == "") == (0, silent)


def _outside() -> dict[str, str]:
    """The environment without what these tests add to it."""
    return {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}


INTERRUPTED = """
import os, signal, sys
# As in a terminal: a script's background job begins with the signal ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
interrupted = sys.argv[1]
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == interrupted:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
import keras_alexnet_command
sys.argv = ["keras-alexnet", "train", "--help"]
keras_alexnet_command.main()
"""


@pytest.mark.parametrize(
    "module", ["tensorflow", "keras", "numpy", "keras_alexnet.commands.train"]
)
def test_ctrl_c_while_importing_is_one_line(module: str, tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, module],
        cwd=tmp_path,
        env=_outside(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stdout) == (130, "")
    assert result.stderr == "keras-alexnet: interrupted\n"


LISTED = """
import sys, keras_alexnet_command
for arguments in (["trian"], [], ["--help"]):  # only the first one's errors are shown
    sys.argv = ["keras-alexnet", *arguments]
    try:
        keras_alexnet_command.main()
    except SystemExit as end:
        print(end.code)
print(sorted({"tensorflow", "keras", "numpy"} & set(sys.modules)))
"""


def test_the_list_of_the_commands_does_not_wait_for_tensorflow() -> None:
    result = subprocess.run(
        [sys.executable, "-c", LISTED], capture_output=True, text=True, check=True
    )
    lines = result.stdout.splitlines()
    assert "usage: keras-alexnet COMMAND [flags]" in lines
    assert [line for line in lines if line.isdecimal()] == ["2", "2", "0"]
    assert lines[-1] == "[]"
    assert "did you mean train?" in result.stderr


# An installation whose TensorFlow cannot be imported, and that takes no time to say so.
BROKEN = """
import sys
sys.modules["tensorflow"] = None
import keras_alexnet_command
sys.argv = ["keras-alexnet", "train"]
keras_alexnet_command.main()
"""


@pytest.mark.parametrize("terminal", ["xterm", "dumb", None])
def test_a_terminal_shows_what_is_waited_for(terminal: str | None) -> None:
    """Only while it lasts, and nothing where lines cannot be taken back."""
    ours, theirs = os.openpty()
    with open(ours, "rb", closefd=True) as screen:
        result = subprocess.run(
            [sys.executable, "-c", BROKEN],
            env={**_outside(), "TERM": terminal or "xterm"},
            stdout=theirs,
            stderr=subprocess.PIPE if terminal is None else theirs,
            check=False,
        )
        os.close(theirs)
        errors = result.stderr if terminal is None else os.read(screen.fileno(), 4096)
    assert result.returncode == 2
    begin = b"loading TensorFlow ...\r\x1b[K" if terminal == "xterm" else b""
    assert errors.startswith(begin + b"keras-alexnet: ")
    assert errors.count(b"\n") == 1


HOMELESS = """
import os, pwd, sys
del os.environ["HOME"]
def nobody(uid):
    raise KeyError(uid)
pwd.getpwuid = nobody
import keras_alexnet_command
sys.argv[0] = "keras-alexnet"
keras_alexnet_command.main()
"""


@pytest.mark.compat
def test_a_user_without_a_name_and_a_home(run: Path, tmp_path: Path) -> None:
    picture = str(run / "example.jpg")
    result = subprocess.run(
        [sys.executable, "-c", HOMELESS, "predict", f"--model={run}", picture],
        cwd=tmp_path,
        env={**_outside(), "HOME": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert picture in result.stdout
    assert list(tmp_path.iterdir()) == []
