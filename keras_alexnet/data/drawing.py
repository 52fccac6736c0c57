"""Draws the pictures of the `shapes` data set with NumPy and Pillow alone.

A picture is one large form on a cluttered background. Colours, textures, place, size
and light have the same distributions for every class, so that only the form
distinguishes the classes.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image, ImageChops, ImageDraw, ImageFilter

_Size = tuple[int, int]  # (width, height), as in Pillow
_Outline = list[np.ndarray]  # a filled polygon, then its holes; y points down

# A centre crop of 224 in 256 shows 7/8 of the shorter side. Forms stay within it.
_VISIBLE = 0.86
_MIN_CONTRAST = 50  # between the form's and the background's brightness, 0 to 255
# The fraction of forms that are lighter than their background. The smaller it is, the
# less a linear classifier can do.
_LIGHT_FORMS = 0.8


def draw(label: int, rng: np.random.Generator) -> Image.Image:
    """Draws one picture of a class, a function of the generator's state alone.

    Args:
        label: Index into `CLASS_NAMES`.
        rng: Source of every random choice.

    Returns:
        An RGB picture whose sides have 240 to 400 pixels.

    Example:

    >>> rng = np.random.default_rng(0)
    >>> draw(CLASS_NAMES.index("heart"), rng).mode
    'RGB'
    """
    size = _draw_size(rng)
    ground, ink = _draw_colors(rng)
    light = rng.uniform(0, 2 * np.pi)
    mask = _form_mask(CLASS_NAMES[label], size, rng)
    scene = _cluttered(_textured(size, ground, rng), rng)
    scene = _shadowed(scene, mask, light)
    form = _lit(_textured(size, ink, rng), light)
    return _grainy(Image.composite(form, scene, mask), rng)


def _draw_size(rng: np.random.Generator) -> _Size:
    short = int(rng.integers(240, 321))
    long = int(short * rng.uniform(1.0, 1.25))
    return (short, long) if rng.random() < 0.5 else (long, short)


def _draw_colors(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The background's and the form's colour: either may be the lighter one."""
    while True:
        dark, light = rng.uniform((15, 80), (160, 245), (3, 2)).T
        if (light - dark).mean() > _MIN_CONTRAST:
            return (dark, light) if rng.random() < _LIGHT_FORMS else (light, dark)


def _polar(radii: ArrayLike, count: int, start: float = -90.0) -> np.ndarray:
    angles = np.radians(start) + np.arange(count) * (2 * np.pi / count)
    return np.stack([np.cos(angles), np.sin(angles)], 1) * np.reshape(radii, (-1, 1))


def _arrow(rng: np.random.Generator) -> _Outline:
    shaft, neck = rng.uniform(0.22, 0.32), rng.uniform(-0.1, 0.15)
    half = np.array([(-1, shaft), (neck, shaft), (neck, 0.8), (1, 0)])
    return [np.concatenate([half, half[::-1] * (1, -1)])]


def _crescent(rng: np.random.Generator) -> _Outline:
    hole = _polar(rng.uniform(0.78, 0.88), 72)
    hole[:, 0] += rng.uniform(0.45, 0.6)
    return [_polar(1, 72), hole]


def _cross(rng: np.random.Generator) -> _Outline:
    a = rng.uniform(0.24, 0.36)
    half = np.array([(1, -a), (1, a), (a, a), (a, 1), (-a, 1), (-a, a)])
    return [np.concatenate([half, -half])]


def _heart(rng: np.random.Generator) -> _Outline:
    t = np.linspace(0, 2 * np.pi, 72)
    y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return [np.stack([16 * np.sin(t) ** 3, -y], 1)]


def _hourglass(rng: np.random.Generator) -> _Outline:
    width, waist = rng.uniform(0.7, 0.95), rng.uniform(0.06, 0.16)
    right = np.array([(width, -1), (waist, 0), (width, 1)])
    return [np.concatenate([right, -right])]


_FORMS: dict[str, Callable[[np.random.Generator], _Outline]] = {
    "arrow": _arrow,
    "crescent": _crescent,
    "cross": _cross,
    "disc": lambda rng: [_polar(1, 72)],
    "heart": _heart,
    "hourglass": _hourglass,
    "ring": lambda rng: [_polar(1, 72), _polar(rng.uniform(0.5, 0.68), 72)],
    "square": lambda rng: [_polar(1, 4, start=45)],
    "star": lambda rng: [_polar(np.tile([1, rng.uniform(0.36, 0.46)], 5), 10)],
    "triangle": lambda rng: [_polar(1, 3)],
}

CLASS_NAMES: tuple[str, ...] = tuple(_FORMS)


def _form_mask(name: str, size: _Size, rng: np.random.Generator) -> Image.Image:
    outline = _posed(_FORMS[name](rng), size, rng)
    # Twice the size, then reduced: Pillow's polygons have hard edges.
    mask = Image.new("L", (2 * size[0], 2 * size[1]))
    pen = ImageDraw.Draw(mask)
    for fill, polygon in zip([255] + [0] * len(outline), outline, strict=False):
        pen.polygon((2 * polygon).ravel().tolist(), fill=fill)
    return mask.reduce(2)


def _posed(outline: _Outline, size: _Size, rng: np.random.Generator) -> _Outline:
    """Mirrors, stretches and turns a form, and puts it somewhere near the middle."""
    stretch = np.diag([rng.choice([-1, 1]) * rng.uniform(0.9, 1.1), 1.0])
    turn = np.radians(rng.uniform(-20, 20))
    turn = np.array([(np.cos(turn), np.sin(turn)), (-np.sin(turn), np.cos(turn))])
    outline = [polygon @ stretch @ turn for polygon in outline]
    low, high = outline[0].min(0), outline[0].max(0)
    extent, room = rng.uniform(0.58, 0.84) * min(size), _VISIBLE * min(size)
    center = np.array(size) / 2 + rng.uniform(-0.5, 0.5, 2) * (room - extent)
    scale = extent / max(high - low)
    return [(polygon - (low + high) / 2) * scale + center for polygon in outline]


def _textured(size: _Size, color: np.ndarray, rng: np.random.Generator) -> Image.Image:
    """Two shades around a colour, mixed by a random pattern (clipped to 0..1)."""
    spread = rng.uniform(-30, 30, 3)
    pattern = _PATTERNS[rng.integers(len(_PATTERNS))](size, rng)
    shades = np.clip([color + spread, color - spread], 0, 255).astype(int).tolist()
    one, other = (Image.new("RGB", size, tuple(shade)) for shade in shades)
    return Image.composite(one, other, _to_image(255 * pattern))


def _axes(size: _Size, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two turned coordinates whose unit is a random wavelength of 14 to 45 px."""
    angle, unit = rng.uniform(0, np.pi), rng.uniform(14, 45)
    c, s = np.float32([np.cos(angle), np.sin(angle)]) / np.float32(unit)
    y, x = (axis.astype("float32") for axis in np.ogrid[: size[1], : size[0]])
    return c * x + s * y, c * y - s * x


def _stripes(size: _Size, rng: np.random.Generator) -> np.ndarray:
    u, _ = _axes(size, rng)
    return 0.5 + 2 * np.sin(2 * np.pi * u)


def _checks(size: _Size, rng: np.random.Generator) -> np.ndarray:
    u, v = _axes(size, rng)
    return (np.floor(u) + np.floor(v)).astype("int32") & 1


def _dots(size: _Size, rng: np.random.Generator) -> np.ndarray:
    u, v = (axis - np.floor(axis) - 0.5 for axis in _axes(size, rng))
    return 8 * (0.32 - np.hypot(u, v))


def _clouds(size: _Size, rng: np.random.Generator) -> np.ndarray:
    coarse = rng.random((int(rng.integers(4, 24)),) * 2, dtype="float32")
    return np.asarray(Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC))


_PATTERNS = (_stripes, _checks, _dots, _clouds)


def _cluttered(scene: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Scatters small patches, blobs and lines of any colour over the background."""
    pen = ImageDraw.Draw(scene)
    for _ in range(int(rng.integers(8, 25))):
        color = tuple(rng.integers(25, 230, 3).tolist())
        place, end = rng.uniform(0, scene.size, (2, 2))
        if rng.random() < 0.35:
            pen.line([*place, *end], fill=color, width=int(rng.integers(1, 5)))
        elif rng.random() < 0.5:
            reach = rng.uniform(4, 20, 2)
            pen.ellipse([*(place - reach), *(place + reach)], fill=color)
        else:
            corners = place + rng.uniform(-22, 22, (4, 2))
            pen.polygon(corners.ravel().tolist(), fill=color)
    return scene


def _shadowed(scene: Image.Image, mask: Image.Image, light: float) -> Image.Image:
    """Lets the form cast a soft shadow, away from the light."""
    shadow = ImageChops.offset(mask, int(-8 * np.cos(light)), int(-8 * np.sin(light)))
    shadow = shadow.filter(ImageFilter.BoxBlur(6))
    return _dimmed(scene, shadow.point([255 - v // 2 for v in range(256)]))


def _lit(form: Image.Image, light: float) -> Image.Image:
    """Darkens the side that is turned away from the light."""
    x = np.linspace(-1, 1, 8)
    slope = x * np.cos(light) + x[:, None] * np.sin(light)
    brightness = _to_image(225 + 60 * slope)
    return _dimmed(form, brightness.resize(form.size, Image.Resampling.BICUBIC))


def _dimmed(picture: Image.Image, brightness: Image.Image) -> Image.Image:
    return Image.composite(picture, Image.new("RGB", picture.size), brightness)


def _grainy(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    count = picture.width * picture.height
    noise = Image.frombytes("L", picture.size, rng.bytes(count))
    levels = 128 + rng.uniform(4, 16) * np.linspace(-1, 1, 256)
    noise = noise.point(levels.astype(int).tolist())
    return ImageChops.add(picture, Image.merge("RGB", [noise] * 3), offset=-128)


def _to_image(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(np.clip(pixels, 0, 255).astype("uint8"))
