"""The formats of pictures, known by their first bytes, since suffixes are often wrong.

JPEG, PNG, GIF, BMP and WebP are read everywhere. TIFF, AVIF and HEIC are read by
`prepare` alone, as far as Pillow reads them, which converts them once.
"""

from __future__ import annotations

from pathlib import PurePath

READ = "JPEG, PNG, GIF, BMP or WebP"
CONVERTED = ("TIFF", "AVIF", "HEIC")
HEAD = 16  # bytes that tell the format

_BEGINNINGS = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"GIF8": "GIF",
    b"BM": "BMP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",  # BigTIFF
    b"MM\0+": "TIFF",
}
# Of the ISO base media file format, by the brand after "ftyp" (ISO/IEC 23008-12 and
# the AVIF specification).
_BRANDS = {
    **dict.fromkeys((b"avif", b"avis"), "AVIF"),
    **dict.fromkeys((b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis"), "HEIC"),
    **dict.fromkeys((b"mif1", b"msf1"), "HEIC"),
}
_ENDINGS = frozenset(
    (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp", ".webp")
    + (".tif", ".tiff", ".avif", ".heic", ".heif")
)


def format_of(beginning: bytes) -> str | None:
    """The format of a picture by its first `HEAD` bytes; None if it is no picture.

    Example:

    >>> format_of(b"RIFF$...WEBPVP8 "), format_of(b"a cat, I think")
    ('WebP', None)
    """
    if beginning[:4] == b"RIFF" and beginning[8:12] == b"WEBP":
        return "WebP"
    if beginning[4:8] == b"ftyp":
        return _BRANDS.get(beginning[8:12])
    for start, name in _BEGINNINGS.items():
        if beginning.startswith(start):
            return name
    return None


def unread(content: bytes) -> str:
    """Why an export, which reads JPEG and PNG, or a network gives no answer for a file.

    Args:
        content: Of the file.

    Example:

    >>> unread(b"a cat, I think"), unread(b"BM......")
    ('no picture', 'BMP: convert it to JPEG or PNG')
    """
    found = format_of(content[:HEAD])
    if found is None:
        return "no picture"
    if found in ("JPEG", "PNG"):
        return f"{found}, damaged or cut short"
    return f"{found}: convert it to JPEG or PNG"


def named_as_picture(path: str) -> bool:
    """Whether the ending of a file's name is that of a picture.

    Example:

    >>> named_as_picture("a/IMG_1.JPG"), named_as_picture("a/Thumbs.db")
    (True, False)
    """
    return PurePath(path).suffix.lower() in _ENDINGS
