"""A page in headless Chromium, asked through its DevTools protocol over a pipe."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
MISSING = "Chromium is not installed; on Debian: apt-get install chromium"


def path() -> str | None:
    """The program, if it is installed; `CHROMIUM` names another one."""
    named = os.environ.get("CHROMIUM")
    return named or next(filter(None, map(shutil.which, NAMES)), None)


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
    if (element.hasAttribute("fill")) continue;  // on a shape of its own colour
    const style = getComputedStyle(element);
    const own = parts(element instanceof SVGElement ? style.fill : style.color);
    const back = behind(element);
    const [high, low] = [light(over(own, back)), light(back)].sort((a, b) => b - a);
    found.push([(high + 0.05) / (low + 0.05), text.slice(0, 40), element.tagName]);
  }
  return found.sort((a, b) => a[0] - b[0]);
})()
"""


class Browser:
    """Chromium with one page.

    Attributes:
        events: All that it has reported, with `method` and `params`.
    """

    def __init__(self, commands: int, answers: int) -> None:
        self._commands = os.fdopen(commands, "wb", buffering=0)
        self._answers = os.fdopen(answers, "rb", buffering=0)
        self._rest, self._number, self._session = b"", 0, None
        self.events: list[dict[str, Any]] = []
        page = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=page, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Calls a method of the protocol, and waits for its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        self._commands.write(json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def open(self, page: Path | str, width: int, scheme: str = "light") -> None:
        """Opens a file or an address, as wide as that, in a light or dark scheme."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.call("Emulation.setEmulatedMedia", features=[feature])
        self.events.clear()
        self.call("Page.navigate", url=_address(page))
        while not any(e.get("method") == "Page.loadEventFired" for e in self.events):
            self.events.append(self._next())

    def value(self, expression: str) -> Any:
        """The value of JavaScript, or of its promise."""
        answer = self.call(
            "Runtime.evaluate",
            expression=expression,
            returnByValue=True,
            awaitPromise=True,
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(str(answer["exceptionDetails"])[:2000])
        return answer["result"].get("value")

    def press(self, key: str) -> None:
        """Presses and releases a key, such as Tab or ArrowRight."""
        codes = {"Tab": 9, "Enter": 13, "Escape": 27, "ArrowRight": 39, "ArrowDown": 40}
        for kind in ("rawKeyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode=codes[key],
            )

    def screenshot(self, file: Path, whole: bool = True) -> None:
        """Writes what is seen, or the whole page, as PNG."""
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        file.write_bytes(base64.b64decode(shot["data"]))

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            read = self._answers.read(1 << 20)
            if not read:
                raise RuntimeError("Chromium has ended")
            self._rest += read
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

    def close(self) -> None:
        """Ends Chromium."""
        self._session = None
        self.call("Browser.close")
        self._commands.close()
        self._answers.close()


def _pipe() -> tuple[int, int]:
    """A pipe whose descriptors are none of those that Chromium expects."""
    pair = os.pipe()
    moved = tuple(fcntl.fcntl(each, fcntl.F_DUPFD_CLOEXEC, 10) for each in pair)
    for each in pair:
        os.close(each)
    return moved[0], moved[1]


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """Chromium, with its profile in an empty folder; it ends with the context."""
    program = path()
    assert program is not None, MISSING
    their_read, commands = _pipe()
    answers, their_write = _pipe()
    # Chromium expects them at 3 and 4. A shell puts them there, since Python cannot
    # without a function between fork and exec, which is not safe beside threads.
    line = 'read=$1; write=$2; shift 2; exec "$@" 3<&"$read" 4>&"$write"'
    process = subprocess.Popen(
        [
            *("bash", "-c", line, "chromium", str(their_read), str(their_write)),
            *(program, "--headless=new", "--remote-debugging-pipe", "--no-sandbox"),
            *(
                "--disable-gpu",
                "--hide-scrollbars",
                "--no-first-run",
                "--disable-background-networking",
            ),
            *("--disable-dev-shm-usage", f"--user-data-dir={profile}", "about:blank"),
        ],
        pass_fds=(their_read, their_write),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(their_read)
    os.close(their_write)
    try:
        page = Browser(commands, answers)
        yield page
        page.close()
    finally:
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _address(page: Path | str) -> str:
    return page if isinstance(page, str) else page.as_uri()


def faults(browser: Browser, page: Path | str) -> list[Any]:
    """Console messages, errors, and requests of anything but the file or its server."""
    kinds = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
    said = [e for e in browser.events if e.get("method") in kinds]
    sent = [
        e["params"]["request"]["url"]
        for e in browser.events
        if e.get("method") == "Network.requestWillBeSent"
    ]
    address = _address(page)
    assert address in sent
    server = "/".join(address.split("/")[:3]) + "/" if page == address else address
    return said + [u for u in sent if not u.startswith((server, "data:"))]
