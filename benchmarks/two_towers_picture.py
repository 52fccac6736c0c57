"""Draws a model whose towers are on separate devices, layer by layer, as SVG."""

from __future__ import annotations

import keras

from keras_alexnet.two_towers import Exchange, OnDevice, crossings

WIDTH, HEIGHT, STEP, LEFT, GAP = 190, 26, 44, 120, 150
_SHOWN = ("conv", "seam", "fc", "dropout", "pool", "norm", "cnorm")
_STYLE = (
    "text{font:13px sans-serif;fill:#222;text-anchor:middle}"
    "rect{fill:#eef3fa;stroke:#456}line{stroke:#456}.x{stroke:#c33;stroke-width:2}"
    ".m{fill:#c33;font-size:12px}.w{fill:#fff;stroke:none}"
)


def picture(model: keras.Model, batch_size: int) -> str:
    """The SVG: a column for each tower; red: a device reads what another one made."""
    towers = 1 + max(getattr(each, "tower", None) or 0 for each in model.layers)
    rows = _rows(model)
    sizes = {each.layer: each.bytes(batch_size) / 1e6 for each in crossings(model)}
    drawn, y = [_head(model, tower) for tower in range(towers)], 60
    before: list[int] = []
    for row in rows:
        here = [_middle(each.tower or 0) for each in row if isinstance(each, OnDevice)]
        if isinstance(row[0], Exchange):
            readers = range(len(row[0].readers))
            drawn += _crossing(before, [_middle(t) for t in readers], y)
            label = f"{sizes.get(row[0].name, 0):.2f} MB each way"
            drawn.append(_text(_middle((towers - 1) / 2), y + STEP - 7, label, "m"))
            y += STEP
            before = []
            continue
        drawn += [_line(x, y - STEP + HEIGHT, x, y) for x in here if x in before]
        drawn += [_box(each, y) for each in row]
        y, before = y + STEP, here
    width = 2 * LEFT + towers * WIDTH + (towers - 1) * GAP - 160
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y}">'
    white = f'<rect class="w" width="{width}" height="{y}"/>'
    return "\n".join([head, f"<style>{_STYLE}</style>", white, *drawn, "</svg>\n"])


def _rows(model: keras.Model) -> list[list[keras.layers.Layer]]:
    """The layers of all towers side by side, and each exchange by itself."""
    rows: dict[str, list[keras.layers.Layer]] = {}
    for layer in model.layers:
        if isinstance(layer, Exchange):
            rows[layer.name] = [layer]
        elif isinstance(layer, OnDevice) and layer.layer.name.startswith(_SHOWN):
            rows.setdefault(layer.layer.name, []).append(layer)
    return list(rows.values())


def _middle(tower: float) -> int:
    return int(LEFT - 80 + WIDTH / 2 + tower * (WIDTH + GAP))


def _head(model: keras.Model, tower: int) -> str:
    layers = [each for each in model.layers if getattr(each, "tower", None) == tower]
    return _text(_middle(tower), 30, f"tower {'abcd'[tower]}: {layers[0].device}")


def _box(layer: OnDevice, y: int) -> str:
    x, shape = _middle(layer.tower or 0), layer.output.shape[1:]
    words = f"{layer.name}  {'×'.join(map(str, shape))}"
    rectangle = (
        f'<rect x="{x - WIDTH // 2}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="4"/>'
    )
    return rectangle + _text(x, y + 18, words)


def _crossing(sources: list[int], readers: list[int], y: int) -> list[str]:
    top, bottom = y - STEP + HEIGHT, y + STEP
    return [
        _line(a, top, b, bottom, "x" if a != b else "")
        for a in sources
        for b in readers
    ]


def _line(x: int, y: int, to_x: int, to_y: int, kind: str = "") -> str:
    mark = f' class="{kind}"' if kind else ""
    return f'<line x1="{x}" y1="{y}" x2="{to_x}" y2="{to_y}"{mark}/>'


def _text(x: int, y: int, words: str, kind: str = "") -> str:
    mark = f' class="{kind}"' if kind else ""
    return f'<text x="{x}" y="{y}"{mark}>{words}</text>'
