"""Zip archives with uncompressed entries: PyTorch's and Keras'."""

from __future__ import annotations

import contextlib
import io
import os
import struct
import zipfile
from collections.abc import Iterator
from typing import BinaryIO, cast

# APPNOTE.TXT of PKWARE, 4.3.7: lengths of the name and of the extra field.
_LOCAL_HEADER = "<26xHH"


# An entry of a directory takes ten times its bytes in Python.
_MOST_OF_DIRECTORY = 2**20


@contextlib.contextmanager
def opened(file: BinaryIO, writer: str) -> Iterator[zipfile.ZipFile]:
    """The archive in a file, if its entries are stored as they are.

    Args:
        file: The open file.
        writer: The program that should have written the archive, for the message.

    Raises:
        ValueError: If the entries hold more than the file, as in a zip bomb, or are
            too many.
    """
    size = file.seek(0, os.SEEK_END)
    directory = cast(BinaryIO, _Directory(file))
    with zipfile.ZipFile(directory) as archive:  # reads all of its directory
        archive.fp = file
        entries = archive.infolist()
        stored = all(
            entry.compress_type == zipfile.ZIP_STORED
            and entry.file_size == entry.compress_size
            for entry in entries
        )
        if not stored or sum(entry.file_size for entry in entries) > size:
            raise ValueError(
                f"its entries are compressed or overlap; {writer}'s do not"
            )
        yield archive


def read(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """The content of a short entry.

    Args:
        archive: As `opened` gives it.
        name: Of the entry.
        most: How many bytes it may have.

    Raises:
        ValueError: If it has more.
        KeyError: If there is none.
    """
    size = archive.getinfo(name).file_size
    if size > most:
        raise ValueError(f"its {name} has {size:,} bytes, of {most:,} at most")
    return archive.read(name)


class _Directory:
    """A file of which no more is read at once than a directory may have."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = _MOST_OF_DIRECTORY) -> bytes:
        if size > _MOST_OF_DIRECTORY:
            raise ValueError("its archive has far too many entries")
        return self._file.read(size)


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
