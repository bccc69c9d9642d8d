"""The pages of a Parquet file, told by their own headers: how large each is once it is unpacked.

What the end of the file says of that, nothing keeps to: Arrow unpacks what stands in a page's header, and only what
that says can be believed. Headers are structs of Thrift's compact protocol; of them two numbers are read.
"""

import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

STOP, TRUE, FALSE, BYTE, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = 0, 1, 2, 3, 7, 8, 9, 10, 11, 12
INTEGERS = (4, 5, 6)
UNPACKED, PACKED = 2, 3  # fields of a page's header
MOST_VALUES = 1000  # in one header; those that anybody writes have a few dozen
DEEPEST = 8


class NoPage(ValueError):
    """What lies where a page should begin is none."""


class Thrift:
    """Reads values of the compact protocol, one after another; NoPage or IndexError where they are none."""

    def __init__(self, data: mmap.mmap | bytes, place: int):
        self.data, self.place, self.left = data, place, MOST_VALUES

    def byte(self) -> int:
        self.place += 1
        return self.data[self.place - 1]

    def number(self) -> int:
        """An unsigned number, seven bits a byte."""
        found = 0
        for shift in range(0, 70, 7):
            part = self.byte()
            found |= (part & 127) << shift
            if part < 128:
                return found
        raise NoPage("a number without an end")

    def integer(self) -> int:
        """A signed number, its sign in the last bit."""
        found = self.number()
        return (found >> 1) ^ -(found & 1)

    def struct(self, depth: int = 0) -> dict[int, Any]:
        """The fields of a struct by their numbers; only the whole numbers among them are kept.

        >>> Thrift(bytes([0x15, 0x06, 0x15, 0x90, 0x01, 0x18, 0x02, 65, 66, 0]), 0).struct()
        {1: 3, 2: 72, 3: None}
        """
        found, field = {}, 0
        while head := self.byte():
            field = field + (head >> 4) if head >> 4 else self.integer()
            found[field] = None if head & 15 in (TRUE, FALSE) else self.value(head & 15, depth)
        return found

    def value(self, kind: int, depth: int) -> int | None:
        """One value: a whole number as it is, anything else passed over."""
        self.left -= 1
        if self.left < 0 or depth > DEEPEST:
            raise NoPage("a header without an end")
        if kind in INTEGERS:
            return self.integer()
        if kind == BINARY:
            length = self.number()  # which moves the place itself
            self.place += length
        elif kind == STRUCT:
            self.struct(depth + 1)
        elif kind in (LIST, SET):
            head = self.byte()
            for _ in range(self.number() if head >> 4 == 15 else head >> 4):
                self.value(head & 15, depth + 1)
        elif kind == MAP:
            count = self.number()
            kinds = self.byte() if count else 0
            for _ in range(count):
                self.value(kinds >> 4, depth + 1)
                self.value(kinds & 15, depth + 1)
        elif kind in (TRUE, FALSE, BYTE, DOUBLE):
            self.place += 8 if kind == DOUBLE else 1
        else:
            raise NoPage("no value of a header")
        return None


def pages(path: Path, chunks: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The pages of chunks that lie from byte to byte in a file: for each the chunk's number, and its bytes unpacked.

    Raises NoPage or IndexError where there is no page.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for number, (start, stop) in enumerate(chunks):
            while 0 <= start < min(stop, len(data)):
                reader = Thrift(data, start)
                header = reader.struct()
                sizes = header.get(UNPACKED), header.get(PACKED)
                if any(size is None or size < 0 for size in sizes):
                    raise NoPage("a page without a size")
                start = reader.place + sizes[1]
                yield number, sizes[0]
