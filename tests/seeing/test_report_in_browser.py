"""The page of a report in headless Chromium, from a file, at three widths."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

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

# WCAG 2.2, contrast ratio: of each text against what is behind it, layer on layer.
CONTRAST = """
(() => {
  const parts = (text) => {
    const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number);
    return [r, g, b, a];
  };
  const over = (top, below) =>
    [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
  const light = (colour) => {
    const [r, g, b] = colour.slice(0, 3).map((value) => {
      const c = value / 255;
      return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement)
      layers.push(parts(getComputedStyle(at).backgroundColor));
    const white = [255, 255, 255, 1];
    return layers.reverse().reduce((below, top) => over(top, below), white);
  };
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const text = walk.currentNode.textContent.trim();
    const element = walk.currentNode.parentElement;
    if (!text || ["SCRIPT", "STYLE"].includes(element.tagName)) continue;
    if (!element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const own = parts(element instanceof SVGElement ? style.fill : style.color);
    const back = behind(element);
    const [high, low] = [light(over(own, back)), light(back)].sort((a, b) => b - a);
    found.push([(high + 0.05) / (low + 0.05), text.slice(0, 40), element.tagName]);
  }
  return found.sort((a, b) => a[0] - b[0]);
})()
"""
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


def faults(browser: chromium.Browser, file: Path) -> list[Any]:
    """Console messages, errors, and requests of anything but the file."""
    kinds = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
    said = [e for e in browser.events if e.get("method") in kinds]
    sent = [
        e["params"]["request"]["url"]
        for e in browser.events
        if e.get("method") == "Network.requestWillBeSent"
    ]
    assert file.as_uri() in sent
    return said + [u for u in sent if u != file.as_uri() and not u.startswith("data:")]


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
    contrasts = browser.value(CONTRAST)
    assert len(contrasts) > 400
    assert contrasts[0][0] >= 4.5, contrasts[:5]
    backgrounds = browser.value("getComputedStyle(document.body).backgroundColor")
    assert (int(backgrounds[4:].split(",")[0]) < 60) == (scheme == "dark")
    assert faults(browser, file) == []


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
