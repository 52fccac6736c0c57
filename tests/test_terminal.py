"""Lines as a terminal of some width shows them."""

from __future__ import annotations

import io
import itertools
import json
import re
import shlex
import types

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from keras_alexnet import live_line, terminal
from keras_alexnet.live_line import LiveLine, clock, fitted
from keras_alexnet.training import progress

WIDTHS = (40, 80, 200)
EPOCH = (
    "epoch 12/90  loss 2.303  top-1 0.101  val loss 2.302  val top-1 0.100  "
    "val top-5 0.500  127 images/s  data wait 0.2%  peak memory 10.1 GiB"
)
FIELDS = (
    *("step 123/69300", "loss 2.303", "top-1 0.101", "ETA 12:34:56"),
    *("127 images/s", "data wait 0.2%"),
)


def screen(width: int, **more: object) -> Console:
    return Console(file=io.StringIO(), width=width, force_terminal=True, **more)


def lines(console: Console) -> list[str]:
    return console.file.getvalue().splitlines()


@pytest.mark.compat
@pytest.mark.parametrize("width", WIDTHS)
def test_no_line_is_wider_and_no_field_is_broken(width: int) -> None:
    console = screen(width)
    terminal.say(console, EPOCH)
    assert max(map(cell_len, lines(console))) <= width
    found = [each for line in lines(console) for each in re.split("  +", line.strip())]
    assert found == EPOCH.split("  ")


@pytest.mark.compat
def test_the_time_to_go_is_that_of_the_steps_to_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A run that resumed after step 10 of 110, a step a second, on a terminal."""
    now = itertools.count(1000)
    monkeypatch.setattr(
        progress, "time", types.SimpleNamespace(monotonic=lambda: next(now))
    )
    with progress.ProgressLine(screen(200), 10, 110) as line:
        for step in range(11, 110):
            line.update(step, 0.5, 0.5, 100.0, 0.0)
            assert f" ETA {clock(110 - step)} " in line._line().plain


@pytest.mark.compat
def test_elsewhere_lines_are_not_broken() -> None:
    console = Console(file=io.StringIO(), width=40)
    terminal.say(console, f"{EPOCH}\n\n:cat: [red] is a path")
    assert lines(console) == [EPOCH, "", ":cat: [red] is a path"]


@pytest.mark.compat
def test_a_table_is_as_wide_as_it_needs_to_be_unless_on_a_terminal() -> None:
    table = Table("name", "value", box=None, pad_edge=False)
    table.add_row("a name of several words", "and a value of several words")
    plain = Console(file=io.StringIO(), width=40)
    terminal.say_table(plain, table)
    assert [" ".join(line.split()) for line in lines(plain)] == [
        "name value",
        "a name of several words and a value of several words",
    ]
    console = screen(40)
    terminal.say_table(console, table)
    assert len(lines(console)) > 2


@pytest.mark.parametrize("width", WIDTHS)
def test_sentences_break_between_words_alone(width: int) -> None:
    path = "/a/very/long/path/that/is/wider/than/any/narrow/terminal/result.json"
    text = f"the data must be there; restore {path}, or wait  (3 of 10 that may be)"
    console = screen(width)
    terminal.say(console, text)
    assert " ".join(" ".join(lines(console)).split()) == " ".join(text.split())
    narrow = [line for line in lines(console) if path not in line]
    assert max(map(cell_len, narrow), default=0) <= width


@pytest.mark.compat
@pytest.mark.parametrize("width", WIDTHS)
def test_a_command_is_one_for_the_shell(width: int) -> None:
    words = [
        "keras-alexnet",
        "evaluate",
        "--model=runs/it's $HOME",
        "--data=folder:a b",
    ]
    console = screen(width)
    terminal.say_command(console, words)
    text = console.file.getvalue()
    assert shlex.split(text.replace("\\\n", " ")) == words
    assert max(map(cell_len, text.splitlines())) <= width
    assert (len(text.splitlines()) > 1) == (width < 80)


@pytest.mark.compat
@pytest.mark.parametrize("width", [12, *WIDTHS])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_the_progress_line_fits(width: int, ascii_only: bool) -> None:
    for done in (0, 1, 350, 700):
        text = fitted(FIELDS, done, 700, width, ascii_only).plain
        assert len(text) <= width
        found = re.fullmatch(r"(.*?) ?([█░#-]*)", text)
        assert found is not None
        shown, bar = found.groups()
        # As many fields as there is room for, from the first on.
        assert " ".join(FIELDS).startswith(shown) or width < len(FIELDS[0])
        if bar:
            full = bar.count("#" if ascii_only else "█")
            assert full == len(bar) * done // 700
            assert not ascii_only or bar.isascii()
    if width == 80:
        assert "ETA 12:34:56" in text
    if width == 200:
        assert all(field in text for field in FIELDS)


@pytest.mark.compat
def test_what_controls_a_terminal_is_escaped() -> None:
    console = screen(80)
    terminal.say(console, "a name: \x1b[2J\x07\u202e\udcff é 世界 🐈\nthe next line")
    assert lines(console) == [
        r"a name: \x1b[2J\x07\u202e\udcff é 世界 🐈",
        "the next line",
    ]


@pytest.mark.compat
@pytest.mark.parametrize("colours", [{}, {"no_color": True}, {"color_system": None}])
def test_the_bar_is_seen_without_colours(colours: dict) -> None:
    console = screen(60, **colours)
    with LiveLine(console) as line:
        line.show(FIELDS, 1, 2)
        line._live.refresh()
    painted = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", console.file.getvalue())
    rows = [row for row in re.split(r"[\r\n]+", painted) if "step" in row]
    assert rows
    assert all(len(row) < 60 and "█" in row and "░" in row for row in rows)


@pytest.mark.compat
def test_a_terminal_that_cannot_move_its_cursor_has_plain_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr(live_line, "_PLAIN_EVERY", 0.0)
    console = screen(80)
    with LiveLine(console) as line:
        line.show(FIELDS, 1, 2)
    assert lines(console) == [" ".join(FIELDS)]


@pytest.mark.compat
def test_output_that_is_no_terminal_stays_where_it_goes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """As in `predict --json photos > answers.json`, which shows its progress."""
    monkeypatch.setenv("TERM", "xterm")
    errors = io.StringIO()
    monkeypatch.setattr(errors, "isatty", lambda: True)
    monkeypatch.setattr("sys.stderr", errors)
    with LiveLine(terminal.new_console(stderr=True)) as line:
        line.show(FIELDS, 1, 2)
        print("an answer")
    assert capsys.readouterr().out == "an answer\n"
    assert "step 123" in errors.getvalue()
    assert "an answer" not in errors.getvalue()


def test_an_unknown_total_has_no_bar() -> None:
    assert fitted(["3.0 MiB", "1.0 MiB/s"], 3, 0, 40).plain == "3.0 MiB 1.0 MiB/s"


def test_json_holds_the_same_and_controls_no_terminal(
    capsys: pytest.CaptureFixture,
) -> None:
    value = {"name": "a\x1b[2J\x9b\x7f\u202e\U000e0001 ü 猫", "score": 0.5}
    terminal.say_json(value)
    out = capsys.readouterr().out
    assert out.removesuffix("\n").isprintable()
    assert "猫" in out
    assert json.loads(out) == value


def test_a_line_has_a_bound() -> None:
    console = screen(80)
    terminal.say(console, "a" * 10**6)
    assert len(console.file.getvalue()) < 11_000
