"""The loop of a worker process: blocks of pictures in, squares and sums out."""

from __future__ import annotations

import pickle
import sys
import traceback
from typing import BinaryIO

import numpy as np

from .pictures import Unreadable, central_square, decode, encode, stored_pixels
from .sums import ColourSums

# Pictures (encoded, or the paths of their files), and whether to sum them.
Block = tuple[list[bytes | str], bool]
# For each picture its bytes or, as text, why there are none; and the sums, if asked.
Answer = tuple[list[bytes | str], tuple[np.ndarray, np.ndarray] | None]


def answer(block: Block, size: int, quality: int | None) -> Answer:
    """Prepares a block of pictures.

    Args:
        block: Pictures, and whether to sum them.
        size: Side of the squares.
        quality: Quality of the JPEGs, or None for bare pixels.

    Returns:
        Bytes or a reason for each picture, and the sums of `ColourSums`.
    """
    images, summed = block
    sums = ColourSums(size)
    prepared: list[bytes | str] = []
    for image in images:
        try:
            stored = encode(central_square(decode(image), size), quality)
        except Unreadable as error:
            prepared.append(str(error))
            continue
        prepared.append(stored)
        if summed:
            # The pixels after JPEG compression, which training reads.
            sums.add(stored_pixels(stored, size, quality))
    # A block is small: 32 bits are enough, and half as much to send.
    return prepared, (sums.pixels.astype(np.uint32), sums.products) if summed else None


def serve(questions: BinaryIO, answers: BinaryIO) -> None:
    """Answers until the pipe is closed, also when the process that asks has ended."""
    size, quality = pickle.load(questions)
    while True:
        try:
            block = pickle.load(questions)
        except EOFError:
            return
        reply: tuple[bool, Answer | str]  # whether it succeeded; answer or traceback
        try:
            reply = (True, answer(block, size, quality))
        except Exception:  # Not because of a picture: a bug, or too little memory.
            reply = (False, traceback.format_exc())
        try:
            pickle.dump(reply, answers, protocol=pickle.HIGHEST_PROTOCOL)
            answers.flush()
        except BrokenPipeError:
            return


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
