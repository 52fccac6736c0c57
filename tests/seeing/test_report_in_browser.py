"""The page of a report in headless Chromium, from a file, at three widths."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import chromium
import pytest
from made_up_findings import SCRIPT, findings

from keras_alexnet.seeing import figures, page

pytestmark = pytest.mark.skipif(chromium.path() is None, reason=chromium.MISSING)

ROWS = [
    {"epoch": n, "loss": 2 / n, "val_loss": 2.2 / n, "learning_rate": 0.01}
    for n in (1, 2, 3)
]
WIDTHS = (360, 768, 1280)

DECODED = """
Promise.all([...document.images].map(async (each) => {
  each.loading = "eager";
  if (!each.src) return null;
  try { await each.decode(); } catch (error) { return each.alt || "?"; }
  return each.naturalWidth > 0 ? null : each.alt;
})).then((all) => [all.length, all.filter((each) => each !== null)])
"""
OPEN_ALL = (
    "document.querySelectorAll('details').forEach((each) => { each.open = true; })"
)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    with figures.drawing():
        html = page.page(findings(compared=2), ROWS)
    path.write_text(html, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[chromium.Browser]:
    with chromium.browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_it_works_at_every_width_in_both_schemes(
    browser: chromium.Browser, file: Path, width: int, scheme: str
) -> None:
    browser.open(file, width, scheme)
    browser.value(OPEN_ALL)
    pictures, broken = browser.value(DECODED)
    assert pictures > 300
    assert broken == []
    root = "document.documentElement"
    assert browser.value(f"{root}.scrollWidth <= {root}.clientWidth")
    contrasts = browser.value(chromium.CONTRAST)
    assert len(contrasts) > 400
    assert contrasts[0][0] >= 4.5, contrasts[:5]
    backgrounds = browser.value("getComputedStyle(document.body).backgroundColor")
    assert (int(backgrounds[4:].split(",")[0]) < 60) == (scheme == "dark")
    assert chromium.faults(browser, file) == []


def test_a_name_of_markup_is_text(browser: chromium.Browser, file: Path) -> None:
    browser.open(file, 1280)
    assert SCRIPT in browser.value("document.body.innerText")
    assert browser.value("document.scripts.length") == 2


def test_without_scripts_all_is_there(browser: chromium.Browser, file: Path) -> None:
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(file, 768)
    finally:
        browser.call("Emulation.setScriptExecutionDisabled", value=False)
    assert browser.value(DECODED)[1] == []
    assert not browser.value("document.getElementById('inspector').checkVisibility()")


def test_tab_reaches_links_and_arrows_move_among_kernels(
    browser: chromium.Browser, file: Path
) -> None:
    browser.open(file, 1280)
    seen = []
    for _ in range(40):
        browser.press("Tab")
        seen.append(
            browser.value(
                "[document.activeElement.tagName, document.activeElement.dataset.unit,"
                " document.activeElement.matches(':focus-visible')]"
            )
        )
        if seen[-1][1] == "conv1:0":
            break
    assert seen[0][0] == "A"
    assert seen[-1][1] == "conv1:0"
    assert all(visible for _, _, visible in seen)
    browser.press("ArrowRight")
    browser.press("ArrowDown")
    assert browser.value("document.activeElement.dataset.unit") == "conv1:9"
    shown = browser.value("document.getElementById('inspector').innerText")
    assert "kernel conv1:9, tower 1: colourfulness" in shown
    lit = "[...document.querySelectorAll('.lit')].map((each) => each.tagName)"
    # In both scales, among the maps if it is there, and as a point of two charts.
    assert browser.value(lit).count("use") == 2
    assert browser.value(lit).count("BUTTON") >= 2
    browser.press("Escape")
    assert browser.value(f"{lit}.length") == 0


def test_a_patch_shows_where_in_its_picture_it_is(
    browser: chromium.Browser, file: Path
) -> None:
    browser.open(file, 1280)
    browser.value(OPEN_ALL)
    patch = "document.querySelector('.nine .thing')"
    picture, box, others = browser.value(
        f"""(() => {{
          {patch}.focus();
          const own = {patch}.dataset.picture;
          const box = document.getElementById("box");
          return [
            own === document.querySelector(".lit[data-picture]").dataset.picture,
            ["x", "y", "width", "height"].map((each) => box.getAttribute(each))
              .join(" ") === {patch}.dataset.box,
            document.querySelectorAll(".lit[data-picture]").length
              === document.querySelectorAll(`[data-picture="${{own}}"]`).length,
          ];
        }})()"""
    )
    assert (picture, box, others) == (True, True, True)
    assert browser.value("document.getElementById('inspector').checkVisibility()")
