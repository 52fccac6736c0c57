"""The site in headless Chromium, from a server, at three widths."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, unquote

import chromium
import pytest

pytestmark = [
    pytest.mark.site,
    pytest.mark.skipif(chromium.path() is None, reason=chromium.MISSING),
]

ROOT = "document.documentElement"
TYPICAL = (
    "",
    "readme/train-evaluate-predict-export/",
    "which-alexnet/",
    "seeing/",
    "reading-the-paper/",
    "reading-the-paper.zh/",
    "claims/",
    "api/keras_alexnet/",
    "api/keras_alexnet.architectures.anatomy/",
    "source/keras_alexnet/architectures/variants.py/",
    "source/claims/",
)
BROKEN = """
Promise.all([...document.images].map(async (each) => {
  each.loading = "eager";
  try { await each.decode(); } catch (error) { return each.src; }
})).then((all) => all.filter((each) => each))
"""
# Material looks things up as soon as the address names them.
FOUND = """
new Promise((resolve) => {
  const look = () => {
    const meta = document.querySelector(".md-search-result__meta").textContent;
    const links = [...document.querySelectorAll(".md-search-result__link")];
    if (/\\d|No /.test(meta)) resolve(links.map((each) => each.pathname + each.hash));
    else requestAnimationFrame(look);
  };
  look();
})
"""


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Prints nothing."""


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    handler = functools.partial(_Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[chromium.Browser]:
    with chromium.browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1280])
def test_pages_work_at_every_width_in_both_schemes(
    browser: chromium.Browser, address: str, width: int, scheme: str
) -> None:
    for page in TYPICAL:
        browser.open(address + page, width, scheme)
        assert browser.value(f"{ROOT}.scrollWidth <= {ROOT}.clientWidth"), page
        assert browser.value(BROKEN) == [], page
        contrasts = browser.value(chromium.CONTRAST)
        assert len(contrasts) > 15, page
        assert contrasts[0][0] >= 4.5, (page, contrasts[:5])
        background = browser.value("getComputedStyle(document.body).backgroundColor")
        assert (int(background[4:].split(",")[0]) < 60) == (scheme == "dark")
        assert chromium.faults(browser, address + page) == []


def test_the_front_page_is_one_screen(browser: chromium.Browser, address: str) -> None:
    browser.open(address, 1280)
    bottom = "document.querySelector('.beside').getBoundingClientRect().bottom"
    assert browser.value(bottom) < 800


@pytest.mark.parametrize(
    ("words", "page"),
    [
        (
            "GroupedConv2D",
            "/api/keras_alexnet.layers/#keras_alexnet.layers.GroupedConv2D",
        ),
        ("grouped", "/api/keras_alexnet.layers/#keras_alexnet.layers.GroupedConv2D"),
        ("learning rate", "/training/#learning-rate"),
        ("归一化", "/reading-the-paper.zh/#33-局部响应归一化"),
    ],
)
def test_the_search_finds(
    browser: chromium.Browser, address: str, words: str, page: str
) -> None:
    question = f"{address}?q={quote(words)}"
    browser.open(question, 1280)
    assert page in map(unquote, browser.value(FOUND))
    assert chromium.faults(browser, question) == []
