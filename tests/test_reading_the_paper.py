"""The pages on reading the paper: where figures are from, and where links lead."""

from __future__ import annotations

import ast
import dataclasses
import importlib.util
import json
import math
import re
import sys
from pathlib import Path
from typing import Any

import pytest

import keras_alexnet
from keras_alexnet.claims import registry
from keras_alexnet.claims.result import Chart, Comparison, Result, to_json

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"


def _figures_module() -> Any:
    """`docs/figures.py`, which is no part of the package."""
    spec = importlib.util.spec_from_file_location("docs_figures", DOCS / "figures.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where its dataclasses look up their module
    spec.loader.exec_module(module)
    return module


figures = _figures_module()
PAGES = {
    language: (DOCS / name).read_text("utf-8")
    for language, name in figures.PAGES.items()
}
STATED = json.loads((DOCS / "stated_figures.json").read_text("utf-8"))
both = pytest.mark.parametrize("language", PAGES)


def test_every_figure_is_as_its_source_has_it() -> None:
    assert list(figures.problems(PAGES, figures.Figures(ROOT / "claims"))) == []
    assert list(figures.untranslated(ROOT / "claims")) == []


def test_both_languages_have_words_for_the_same() -> None:
    english, chinese = figures.WORDS["en"], figures.WORDS["zh"]
    assert english.keys() == chinese.keys()
    for name, words in english.items():
        if isinstance(words, dict):
            assert words.keys() <= chinese[name].keys()
        elif isinstance(words, str):
            assert words.count("{") == chinese[name].count("{")


# Digits that are no figures: names, numbers of sections, drawings and years.
_NAMES = re.compile(
    r"""
    ```.*?```                                # commands
    | `[A-Za-z-][^`]*`                       # flags and names; not a bare number
    | (?<=\])\([^)]*\)                       # where a link leads
    | ^\#+\ \d(\.\d)?\b                      # of a section
    | ^\d+\.\ (?=\S)                         # of a question
    | \b[Ss]ections?\ \d(\.\d)?
    | \b[Ff]igure\ \d
    | 第\ \d(\.\d)?\ 节
    | 图\ \d
    | (?<![\d.,])(19|20)\d\d(?![\d.,]*\d)    # years
    | GTX\ 580
    | [A-Za-z][A-Za-z/-]*\#\d+               # threads
    | (?<![A-Za-z0-9.])[A-Za-z]+-?\d+(?![\d.,]*\d)  # conv1, CIFAR-10, top-5
    """,
    re.VERBOSE | re.MULTILINE | re.DOTALL,
)
_SPELLED = re.compile(
    r"\b(two|three|four|five|six|seven|eight|nine|ten|twenty)[ -]"
    r"(times|points|percent|per cent|%|seconds|minutes|hours|days|seeds|fold)\b"
    r"|[一二两三四五六七八九十百千半]+ ?(倍|个百分点|秒|分钟|小时|个种子)"
)


def bare_numbers(text: str) -> list[str]:
    """The lines with a number that no marker fills in."""
    bare = _NAMES.sub("", figures.MARKER.sub("", text))
    return [
        line
        for line in bare.splitlines()
        if re.search(r"\d", line) or _SPELLED.search(line)
    ]


@both
def test_no_number_is_written_by_hand(language: str) -> None:
    assert bare_numbers(PAGES[language]) == []
    assert "<!--" not in figures.MARKER.sub("", PAGES[language])


@pytest.mark.parametrize(
    "text",
    [
        "ReLU was 4.1 times as fast.",
        "ReLU was four times as fast.",
        "快了四倍。",
        "top-1 提高 1.4 个百分点",
        "`0.93` of them",
        "- an accuracy of 0.2012",
        "2,012 photos",
        "`relu`: 4.1",
        "<!--relu.comparisons[0].value-->4.1<!----> (3 seeds)",
        "(figure 12)",
    ],
)
def test_a_number_by_hand_is_found(text: str) -> None:
    assert bare_numbers(text)


@pytest.mark.parametrize(
    "text",
    [
        "In section 3.2 and figure 1, conv1 and top-5 of ILSVRC-2010, on a GTX 580.",
        "第 3.2 节的图 1，NIPS 2012，见 `--views=10` 和 `layers-145.cfg`。",
        "## 3.1 ReLU\n\n12. **Why?** [a#12](https://example.org/12) in 2014",
        "<!--relu.comparisons[0].value-->4.1<!----> times",
    ],
)
def test_names_and_sections_are_no_figures(text: str) -> None:
    assert bare_numbers(text) == []


@both
def test_no_line_begins_with_a_marker(language: str) -> None:
    # GitHub takes such a line for HTML and shows its Markdown as it is.
    begins = re.findall(r"^(?:[ >*-]|\d+\.)*<!--.*", PAGES[language], re.MULTILINE)
    assert begins == []


# What the tool makes of results.

RELU = Comparison(
    "ReLU against tanh", "times", 4.13, 3.2, 5.06, 1.5, 1.0, "seen", 3, 0, 6.0
)
VIEWS = Comparison(
    "ten views against one",
    "points",
    -0.04,
    -0.3,
    0.22,
    1,
    0,
    "undecided",
    5,
    10000,
    1.5,
)
ONE_SEED = dataclasses.replace(
    VIEWS,
    question="centre",
    low=float("nan"),
    high=float("nan"),
    seeds=1,
    verdict="contradicted",
    paper=None,
)

# Of an infinite end JSON keeps nothing.
STOPPED = dataclasses.replace(RELU, high=math.inf, paper=None, bound="at least")

# A count, without chance.
COUNTED = dataclasses.replace(RELU, unit="of the peak", seeds=0, paper=None)


def write(directory: Path, name: str, *comparisons: Comparison, form: str) -> None:
    fields: dict[str, Any] = {
        each.name: "" for each in dataclasses.fields(Result) if each.type == "str"
    }
    fields |= {
        "name": name,
        "others": (),
        "form": form,
        "comparisons": comparisons,
        "arms": {},
        "chart": Chart("bars", "", (), {}, "", ""),
        "facts": {"overhead": 0.1234, "unknown": float("nan")},
        "time": 540.0 if form == "quick" else 3720.0,
    }
    result = Result(**fields)
    (directory / f"{name}.json").write_text(to_json(result), encoding="utf-8")


@pytest.fixture
def claims(tmp_path: Path) -> Path:
    write(tmp_path, "relu", RELU, form="quick")
    write(tmp_path, "ten_views", VIEWS, ONE_SEED, form="whole")
    write(tmp_path, "modern", STOPPED, COUNTED, form="whole")
    (tmp_path / "relu.png").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("what", "english", "chinese"),
    [
        (
            "relu:result",
            "quick form, 9 min<br>ReLU against tanh: **seen**, 4.1 times (95 % "
            "interval 3.2 to 5.1; the paper has 6; 3 seeds)",
            "快速版，9 分钟<br>ReLU 对 tanh：**看到了**，4.1 倍（95% 区间 3.2 至 5.1；"
            "论文为 6；3 个种子）",
        ),
        (
            "ten_views.comparisons[0]:answer",
            "ten views against one: **undecided**, −0.04 points (95 % interval −0.30 "
            "to +0.22; the paper has +1.5; 5 seeds; 10,000 pictures)",
            "十个视图对一个：**未定**，−0.04 个百分点（95% 区间 −0.30 至 +0.22；"
            "论文为 +1.5；5 个种子；10,000 张图）",
        ),
        (
            "ten_views.comparisons[1]:answer",
            "centre: **contradicted**, −0.040 points (no interval; 1 seed; "
            "10,000 pictures)",
            "centre：**结果相反**，−0.040 个百分点（没有区间；1 个种子；10,000 张图）",
        ),
        (
            "relu:picture",
            "<br>![What came of the claim relu](../claims/relu.png)",
            "<br>![主张 relu 的结果](../claims/relu.png)",
        ),
        (
            "modern:result",
            "whole form, 1 h 2 min<br>ReLU against tanh: **seen**, at least 4.1 times "
            "(95 % interval 3.2 to ∞; 3 seeds)<br>ReLU against tanh: **seen**, 4.1 of "
            "the peak (range 3.2 to 5.1)",
            "完整版，1 小时 2 分钟<br>ReLU 对 tanh：**看到了**，至少 4.1 倍（95% 区间 "
            "3.2 至 ∞；3 个种子）<br>ReLU 对 tanh：**看到了**，峰值的 4.1"
            "（范围 3.2 至 5.1）",
        ),
        ("ten_views:picture", "", ""),
        ("relu.comparisons[0].value", "4.13", "4.13"),
        ("relu.comparisons[ReLU against tanh].low", "3.2", "3.2"),
        ("relu.facts.overhead:percent", "12.3 %", "12.3%"),
        ("relu.facts.unknown", "no number", "无数值"),
        ("days:result", "not run yet", "尚未运行"),
        ("days:picture", "", ""),
        ("stated.parameters:million", "60 million", "6,000 万"),
        ("anatomy.paper.totals.parameters", "60,965,224", "60,965,224"),
        ("anatomy.ungrouped.totals.parameters", "62,378,344", "62,378,344"),
        ("anatomy.paper.layers[pool5].receptive_field", "195", "195"),
        ("anatomy.paper.layers[pool5].values", "9,216", "9,216"),
        ("anatomy.paper.crossings[conv3].values", "21,632", "21,632"),
        ("anatomy.paper.memory[*].weights:sum:gigabytes", "0.73 GB", "0.73 GB"),
        ("relu.facts.overhead / relu.facts.overhead:percent", "100.0 %", "100.0%"),
    ],
)
def test_what_a_marker_shows(
    claims: Path, what: str, english: str, chinese: str
) -> None:
    page = figures.Figures(claims)
    assert page.shown(what, "en") == english
    assert page.shown(what, "zh") == chinese
    text = f"It is <!--{what}-->old<!---->."
    assert page.filled(text, "en") == f"It is <!--{what}-->{english}<!---->."
    assert page.filled(page.filled(text, "en"), "zh").count(what) == 1


A, B = "<!--relu.comparisons[0].value-->4.13<!---->", "<!--stated.batch-->128<!---->"


@pytest.mark.parametrize(
    ("english", "chinese", "wrong"),
    [
        (A, A, ""),
        (
            A.replace("4.13", "4.1"),
            A,
            "reading-the-paper.md:1: relu.comparisons[0].value is '4.13'",
        ),
        (
            A,
            A.replace("4.13", "5"),
            "reading-the-paper.zh.md:1: relu.comparisons[0].value is '4.13'",
        ),
        (A.replace("value", "valeu"), A, "names nothing: relu.comparisons[0].valeu"),
        (A.replace("relu", "rleu"), A, "names nothing: rleu.comparisons[0].value"),
        (
            A.replace("comparisons[0].value", "arms.tanh.rate"),
            A,
            "names nothing: relu.arms",
        ),
        (A.replace("[0]", "[1]"), A, "names nothing: relu.comp"),
        (A.replace("value", "value:spelled"), A, "no such format: spelled"),
        (B.replace("batch", "bach"), B, "names nothing: stated.bach"),
        (
            A + B,
            B + A,
            "the pages part ways: relu.comparisons[0].value in one, stated.batch in",
        ),
        (A + B, A, "one of the pages has more figures"),
    ],
)
def test_what_is_wrong_is_found(
    claims: Path, english: str, chinese: str, wrong: str
) -> None:
    found = list(
        figures.problems({"en": english, "zh": chinese}, figures.Figures(claims))
    )
    assert any(wrong in each for each in found) if wrong else not found


def test_a_question_without_chinese_is_found(claims: Path) -> None:
    found = list(figures.untranslated(claims))
    assert found == ["figure_words.json: no Chinese for 'centre'"]


# What the pages name.


def test_what_others_state_has_a_source_and_a_place() -> None:
    used = {
        match["what"]
        for text in PAGES.values()
        for match in figures.MARKER.finditer(text)
    }
    for name, stated in STATED.items():
        assert any(each.split(":")[0] == f"stated.{name}" for each in used), name
        assert re.match(
            r"paper, |the source, |BVLC, |torchvision, |ducha-aiki/|Simonyan |Zeiler "
            r"|Y\. Ioannou|NVIDIA/DIGITS#",
            stated["source"],
        ), name


@both
def test_links_lead_to_files_and_to_the_names_in_them(language: str) -> None:
    links = re.findall(r"\[([^\]]*)\]\(([^)#]+)(?:#[^)]*)?\)", PAGES[language])
    assert len(links) > 40
    for shown, address in links:
        if "://" in address:
            continue
        path = (DOCS / address).resolve()
        assert path.is_file(), address
        if path.suffix == ".py":
            assert shown.strip("`") in _defined(path), (shown, address)


def _defined(path: Path) -> set[str]:
    """The functions, classes and constants of a module."""
    names = set()
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {t.id for t in node.targets if isinstance(t, ast.Name)}
    return names


@both
def test_every_claim_has_its_place_and_its_command(language: str) -> None:
    text = PAGES[language]
    for name in registry.names():
        assert len(re.findall(f"<!--{name}:result-->", text)) == 1, name
        assert len(re.findall(f"<!--{name}:picture-->", text)) == 1, name
    commands = re.findall(r"`keras-alexnet claims ([a-z0-9_ ]+)`", text)
    named = {each for command in commands for each in command.split()}
    assert named == set(registry.names())


@both
def test_the_questions_are_numbered(language: str) -> None:
    questions = re.findall(r"^(\d+)\. \*\*.+？?\?*\*\* ", PAGES[language], re.MULTILINE)
    assert questions == [str(number) for number in range(1, 26)]


def test_what_the_pages_say_of_the_source_is_in_the_records() -> None:
    original = keras_alexnet.architectures.get("original")
    first, second, *_, fifth = original.convolutions
    kinds = [type(stage).__name__ for stage in first.stages]
    assert kinds == ["LRN", "Pool", "ReLU"]
    assert "WithinChannelLRN" in [type(stage).__name__ for stage in second.stages]
    assert [type(stage).__name__ for stage in fifth.stages] == ["Pool", "ReLU"]
