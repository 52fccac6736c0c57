"""The settings of a preparation."""

from __future__ import annotations

import dataclasses

from keras_alexnet.data.record_files import LARGEST_SIZE

ENCODINGS = ("jpeg", "raw")


@dataclasses.dataclass(frozen=True)
class Settings:
    """How pictures are prepared.

    Args:
        size: Side of the stored squares, in pixels; 256 in the paper (section 2).
        quality: Of the JPEGs, 1 to 100; unused if pictures are not encoded.
        encoding: `"jpeg"`, or `"raw"` for bare pixels, several times the bytes.

    Raises:
        ValueError: If one of them is out of range.

    Example:

    >>> Settings(size=128, encoding="raw").jpeg_quality is None
    True
    """

    size: int = 256
    quality: int = 95
    encoding: str = "jpeg"

    def __post_init__(self) -> None:
        if not 1 <= self.size <= LARGEST_SIZE:
            raise ValueError(
                f"size must be from 1 to {LARGEST_SIZE}. Received: size={self.size}"
            )
        if not 1 <= self.quality <= 100:
            raise ValueError(
                f"quality must be from 1 to 100. Received: quality={self.quality}"
            )
        if self.encoding not in ENCODINGS:
            raise ValueError(
                f"encoding must be one of {ENCODINGS}. Received: "
                f"encoding={self.encoding!r}"
            )

    @property
    def jpeg_quality(self) -> int | None:
        """The quality, or None if pictures are not encoded."""
        return self.quality if self.encoding == "jpeg" else None

    def as_dict(self) -> dict[str, int | str | None]:
        """The settings as `dataset.json` holds them."""
        return {
            "size": self.size,
            "quality": self.jpeg_quality,
            "encoding": self.encoding,
        }
