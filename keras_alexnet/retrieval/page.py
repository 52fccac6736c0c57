"""A page with pictures and their neighbours, in one file without addresses."""

from __future__ import annotations

import base64
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
<p>{{ each.name }}</p>
<p class="quiet">{{ each.distance }}</p>
</li>
{% endfor %}
</ol>
</section>
{% endfor %}
</body>
</html>
"""


def page(answers: Sequence[Answer], shown: Callable[[int], bytes], title: str) -> str:
    """A page that shows each picture and its neighbours, as HTML.

    Args:
        answers: Of an index; the pictures are paths.
        shown: Gives the JPEG of a neighbour by its place; empty if there is none.
        title: Of the page.

    Raises:
        ValueError: If jinja2 is not installed.
    """
    rows = [_row(answer, shown) for answer in answers]
    return rendered(lambda name: _PAGE, "page", _STYLE, title=title, rows=rows)


def _row(answer: Answer, shown: Callable[[int], bytes]) -> dict[str, Any]:
    own = b"" if answer.fault else thumbnail(answer.picture, side=SHOWN)
    name = printable(answer.picture)
    pictures = [{"image": _text(own), "name": name, "distance": "asked"}]
    for each in answer.neighbours:
        image = _text(shown(each.place))
        distance = f"{each.distance:.4g}"
        pictures.append(
            {"image": image, "name": printable(each.name), "distance": distance}
        )
    return {"name": name, "fault": answer.fault, "pictures": pictures}


def _text(image: bytes) -> str:
    return base64.b64encode(image).decode()
