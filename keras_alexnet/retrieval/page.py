"""A page with pictures and their neighbours, in one file without addresses."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Sequence
from typing import Any

from keras_alexnet.html_page import rendered
from keras_alexnet.reasons import printable
from keras_alexnet.retrieval.index import Answer
from keras_alexnet.retrieval.thumbnails import SHOWN, thumbnail

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1b1b; --paper: #ffffff; --quiet: #595959;
  --line: #d0d0d0; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #ececec; --paper: #161616; --quiet: #a8a8a8; --line: #444444; } }
body { margin: 0 auto; max-width: 72rem; padding: 1rem; color: var(--ink);
  background: var(--paper); font: 1rem/1.4 system-ui, sans-serif; }
h1 { font-size: 1.2rem; font-weight: 600; overflow-wrap: anywhere; }
section { border-top: 1px solid var(--line); padding: 1rem 0; }
h2 { font-size: 1rem; margin: 0 0 .5rem; overflow-wrap: anywhere; }
ol { display: flex; flex-wrap: wrap; gap: .75rem; list-style: none; margin: 0;
  padding: 0; }
li { width: 8.5rem; } li:first-child { margin-right: 1rem; }
img, .none { width: 8rem; height: 8rem; object-fit: contain; display: block; }
.none { border: 1px dashed var(--line); box-sizing: border-box; padding: .5rem;
  color: var(--quiet); }
p { margin: .25rem 0 0; font-size: .85rem; overflow-wrap: anywhere; }
.quiet { color: var(--quiet); }
.meaning { max-width: 44rem; margin: 0 0 1rem; font-size: 1rem; }
"""
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{{ policy | safe }}">
<title>{{ title }}</title>
<style>{{ style | safe }}</style>
</head>
<body>
<h1>{{ title }}</h1>
{% if meaning %}<p class="meaning">{{ meaning }}</p>
{% endif %}
{% for row in rows %}
<section>
<h2>{{ row.name }}</h2>
{% if row.fault %}<p>{{ row.fault }}</p>{% endif %}
<ol>
{% for each in row.pictures %}
<li>
{% if each.image %}<img src="data:image/jpeg;base64,{{ each.image }}" \
alt="{{ each.name }}">
{% else %}<div class="none">no picture</div>
{% endif %}
{% if each.asked %}
<p class="quiet">the picture asked</p>
{% else %}
<p>{{ each.name }}</p>
<p class="quiet">{{ each.distance }}</p>
{% endif %}
</li>
{% endfor %}
</ol>
</section>
{% endfor %}
</body>
</html>
"""


def page(
    answers: Sequence[Answer],
    shown: Callable[[int], bytes],
    title: str,
    meaning: str = "",
) -> str:
    """A page that shows each picture and its neighbours, as HTML.

    Args:
        answers: Of an index; the pictures are paths.
        shown: Gives the JPEG of a neighbour by its place; empty if there is none.
        title: Of the page.
        meaning: What its distances mean, in a sentence or two.

    Raises:
        ValueError: If jinja2 is not installed.
    """
    digits = _digits([each.distance for one in answers for each in one.neighbours])
    content: dict[str, Any] = {
        "title": title,
        "meaning": meaning,
        "rows": [_row(answer, shown, digits) for answer in answers],
    }
    return rendered(lambda name: _PAGE, "page", _STYLE, **content)


def _digits(distances: Sequence[float]) -> int:
    """After the point, of all alike: the largest has four in all; whole ones none."""
    highest = max(distances, default=0)
    if highest <= 0 or all(float(each).is_integer() for each in distances):
        return 0
    return max(0, 3 - max(0, math.floor(math.log10(highest))))


def _row(answer: Answer, shown: Callable[[int], bytes], digits: int) -> dict[str, Any]:
    own = b"" if answer.fault else thumbnail(answer.picture, side=SHOWN)
    name = printable(answer.picture)
    pictures: list[dict[str, Any]] = [
        {"image": _text(own), "name": name, "asked": True}
    ]
    for each in answer.neighbours:
        image = _text(shown(each.place))
        pictures.append(
            {
                "image": image,
                "name": printable(each.name),
                "asked": False,
                "distance": f"{each.distance:.{digits}f}",
            }
        )
    return {"name": name, "fault": answer.fault, "pictures": pictures}


def _text(image: bytes) -> str:
    return base64.b64encode(image).decode()
