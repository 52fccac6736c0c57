"""Zip archives with uncompressed entries: PyTorch's and Keras'."""

from __future__ import annotations

import io
import os
import struct
import zipfile
from typing import BinaryIO

# APPNOTE.TXT of PKWARE, 4.3.7: lengths of the name and of the extra field.
_LOCAL_HEADER = "<26xHH"


def check_stored(archive: zipfile.ZipFile, size: int, writer: str) -> None:
    """Raises ValueError if the entries hold more than the file, as in a zip bomb.

    Args:
        archive: The zip archive.
        size: Bytes of the file.
        writer: The program that should have written the archive, for the message.
    """
    entries = archive.infolist()
    stored = all(
        entry.compress_type == zipfile.ZIP_STORED
        and entry.file_size == entry.compress_size
        for entry in entries
    )
    if not stored or sum(entry.file_size for entry in entries) > size:
        raise ValueError(f"its entries are compressed or overlap; {writer}'s do not")


class StoredEntry(io.RawIOBase):
    """An uncompressed entry of a zip archive, read in place.

    zipfile's own reader starts from the beginning at each seek backwards. Reading an
    HDF5 header takes many: a second in total for an entry of 240 MB.
    """

    def __init__(self, whole: BinaryIO, entry: zipfile.ZipInfo) -> None:
        header = struct.calcsize(_LOCAL_HEADER)
        whole.seek(entry.header_offset)
        lengths = struct.unpack(_LOCAL_HEADER, whole.read(header))
        self._whole, self._size = whole, entry.file_size
        self._start = entry.header_offset + header + sum(lengths)
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}
        self._position = start[whence] + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        wanted = max(0, min(len(buffer), self._size - self._position))
        self._whole.seek(self._start + self._position)
        content = self._whole.read(wanted)
        buffer[: len(content)] = content
        self._position += len(content)
        return len(content)
