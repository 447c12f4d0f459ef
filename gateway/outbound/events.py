"""Server-sent events, read from an answer as it comes (WHATWG HTML, section 9.2). Only their data matters here."""

import re
from collections.abc import Iterator

_LINE_END = re.compile(rb"\r\n|\n|\r")
_BOM = b"\xef\xbb\xbf"
MEDIA_TYPE = "text/event-stream"


class Events:
    """Put in bytes as they arrive, get out the data of each event that is complete, without its last line end.

    Events without data, comments, ids and names are passed over. What is not ended by an empty line is no event.
    """

    __slots__ = ("_begun", "_data", "_rest", "_seen", "lines")

    def __init__(self) -> None:
        self._rest = bytearray()
        # So far no line end was found in the rest, so that a long line is not searched again with each piece.
        self._seen = 0
        self._data: list[bytes] = []
        self._begun = False
        # How many there were, whatever is in them.
        self.lines = 0

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """The data of the events that this piece completes."""
        rest = self._rest
        rest += piece
        if not self._begun:
            if len(rest) < len(_BOM) and _BOM.startswith(bytes(rest)):
                return
            self._begun = True
            if rest.startswith(_BOM):
                del rest[: len(_BOM)]
        position = 0
        while end := _LINE_END.search(rest, max(position, self._seen)):
            # A carriage return at the very end may be half of a line end.
            if end[0] == b"\r" and end.end() == len(rest):
                break
            line = bytes(rest[position : end.start()])
            position = end.end()
            if (data := self._line(line)) is not None:
                yield data
        del rest[:position]
        self._seen = max(0, len(rest) - 1)

    def _line(self, line: bytes) -> bytes | None:
        self.lines += 1
        if not line:
            found, self._data = self._data, []
            return b"\n".join(found) if found else None
        name, _, value = line.partition(b":")
        if name == b"data":
            self._data.append(value.removeprefix(b" "))
        return None
