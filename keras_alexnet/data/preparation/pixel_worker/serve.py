"""The loop of a worker process: blocks of pictures in, squares and sums out."""

from __future__ import annotations

import pickle
import sys
import traceback
from typing import BinaryIO

import numpy as np

from .pictures import Unreadable, central_square, decode, encode, stored_pixels
from .sums import ColourSums

# Pictures (encoded, or the paths of their files), and whether they are summed.
Block = tuple[list[bytes | str], bool]
# Of each its bytes or, as text, why there are none; and the sums, if they are.
Answer = tuple[list[bytes | str], tuple[np.ndarray, np.ndarray] | None]


def answer(block: Block, size: int, quality: int | None) -> Answer:
    """Prepares a block of pictures.

    Args:
        block: Pictures, and whether they are to be summed.
        size: Side of the squares.
        quality: Of the JPEGs, or None for bare pixels.

    Returns:
        Bytes or a reason for each picture, and the sums of `ColourSums`.
    """
    images, summed = block
    sums = ColourSums(size)
    made: list[bytes | str] = []
    for image in images:
        try:
            stored = encode(central_square(decode(image), size), quality)
        except Unreadable as error:
            made.append(str(error))
            continue
        made.append(stored)
        if summed:
            # What JPEG leaves of the pixels, since that is what is trained on.
            sums.add(stored_pixels(stored, size, quality))
    # A block is small: 32 bits are enough, and half as much to send.
    return made, (sums.pixels.astype(np.uint32), sums.products) if summed else None


def serve(questions: BinaryIO, answers: BinaryIO) -> None:
    """Answers until there are no more questions: at the end of whoever asks, too."""
    size, quality = pickle.load(questions)
    while True:
        try:
            block = pickle.load(questions)
        except EOFError:
            return
        said: tuple[bool, Answer | str]
        try:
            said = (True, answer(block, size, quality))
        except Exception:  # Nothing a picture can cause: an error of ours, or memory.
            said = (False, traceback.format_exc())
        try:
            pickle.dump(said, answers, protocol=pickle.HIGHEST_PROTOCOL)
            answers.flush()
        except BrokenPipeError:
            return


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
