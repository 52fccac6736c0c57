"""Zip archives whose entries are stored as they are: PyTorch's and Keras'."""

from __future__ import annotations

import io
import os
import struct
import zipfile
from typing import BinaryIO

# APPNOTE.TXT of PKWARE, 4.3.7: lengths of the name and of what follows it.
_LOCAL_HEADER = "<26xHH"


def check_stored(archive: zipfile.ZipFile, size: int, writer: str) -> None:
    """Raises ValueError if the entries are more than the file, as a bomb's would be.

    Args:
        archive: The zip archive.
        size: Bytes of the file.
        writer: Whose archives have no such entries.
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
    """An entry of a zip archive that is stored as it is, read in place.

    The entry that zipfile opens begins anew for each step back, of which a header has
    many: a second for one of 240 MB.
    """

    def __init__(self, whole: BinaryIO, entry: zipfile.ZipInfo) -> None:
        header = struct.calcsize(_LOCAL_HEADER)
        whole.seek(entry.header_offset)
        lengths = struct.unpack(_LOCAL_HEADER, whole.read(header))
        self._whole, self._size = whole, entry.file_size
        self._start = entry.header_offset + header + sum(lengths)
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._size}
        self._place = start[whence] + offset
        return self._place

    def tell(self) -> int:
        return self._place

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        wanted = max(0, min(len(buffer), self._size - self._place))
        self._whole.seek(self._start + self._place)
        content = self._whole.read(wanted)
        buffer[: len(content)] = content
        self._place += len(content)
        return len(content)
