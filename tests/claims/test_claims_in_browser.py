"""The page over all claims in headless Chromium, at three widths, and on paper."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import chromium
import made_up_results
import pytest

from keras_alexnet.claims import page

pytestmark = pytest.mark.skipif(chromium.path() is None, reason=chromium.MISSING)

RESULTS = made_up_results.all_results()
ROOT = "document.documentElement"
# The widest part of each picture, relative to its own width.
OUTSIDE = """
[...document.querySelectorAll("svg.chart")].filter((chart) => {
  const own = chart.getBoundingClientRect();
  return [...chart.querySelectorAll("text")].some((each) => {
    const box = each.getBoundingClientRect();
    return box.left < own.left - 3 || box.right > own.right + 3;
  });
}).map((each) => each.getAttribute("aria-label"))
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "index.html"
    path.write_text(page.page(RESULTS), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[chromium.Browser]:
    with chromium.browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1280])
def test_it_works_at_every_width_in_both_schemes(
    browser: chromium.Browser, file: Path, width: int, scheme: str
) -> None:
    browser.open(file, width, scheme)
    assert browser.value(f"{ROOT}.scrollWidth <= {ROOT}.clientWidth")
    contrasts = browser.value(chromium.CONTRAST)
    assert len(contrasts) > 600
    assert contrasts[0][0] >= 4.5, contrasts[:5]
    # Another font than the picture was laid out with: no text is cut for it.
    assert browser.value(OUTSIDE) == []
    background = browser.value("getComputedStyle(document.body).backgroundColor")
    assert (int(background[4:].split(",")[0]) < 60) == (scheme == "dark")
    assert chromium.faults(browser, file) == []


def test_on_paper_it_is_dark_on_white_and_nothing_is_cut(
    browser: chromium.Browser, file: Path
) -> None:
    browser.open(file, 700, "dark")
    browser.call(
        "Emulation.setEmulatedMedia",
        media="print",
        features=[{"name": "prefers-color-scheme", "value": "dark"}],
    )
    try:
        assert browser.value(f"{ROOT}.scrollWidth <= {ROOT}.clientWidth")
        contrasts = browser.value(chromium.CONTRAST)
        colour = browser.value("getComputedStyle(document.body).backgroundColor")
        assert colour == "rgb(255, 255, 255)"
        assert contrasts[0][0] >= 4.5, contrasts[:5]
    finally:
        browser.call("Emulation.setEmulatedMedia", media="")
