"""Server-sent events, from bytes that may be cut anywhere, to the payloads of their `data:` lines."""

MAX_EVENT_BYTES = 1 << 20
"""Longest event that is accepted. One token with its envelope takes about 300 bytes."""


class EventSplitter:
    """Collects bytes and gives complete events. Comments, ids and an event that is cut off are dropped.

    Source: WHATWG HTML, section 9.2.6 (lines end in LF, CRLF or CR; a blank line ends an event). An `error:` line,
    which older llama.cpp servers send, counts as data.
    """

    def __init__(self) -> None:
        """Begin at the start of a stream."""
        self.is_overlong = False
        """The event that has begun goes on for more than MAX_EVENT_BYTES; nothing more should be fed."""
        self._rest: list[bytes] = []
        self._rest_bytes = 0
        self._is_first = True
        self._skips_newline = False

    def feed(self, data: bytes) -> list[bytes]:
        """Return the payloads of the events that end in `data`."""
        if self._skips_newline and data:  # a CR ended the piece before, and its line: this would be half of a CRLF
            data, self._skips_newline = data.removeprefix(b"\n"), False
        self._rest.append(data)
        self._rest_bytes += len(data)
        if b"\n" not in data and b"\r" not in data:
            self._measure()
            return []
        text = b"".join(self._rest)
        if self._is_first:
            text, self._is_first = text.removeprefix(b"\xef\xbb\xbf"), False
        if b"\r" in text:
            self._skips_newline = text.endswith(b"\r")
            text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *whole, rest = text.split(b"\n\n")
        self._rest = [rest]
        self._rest_bytes = len(rest)
        self._measure()
        if len(text) > MAX_EVENT_BYTES:
            whole = self._stop_at_overlong(whole)
        return [payload for event in whole if (payload := _read_data(event)) is not None]

    def _measure(self) -> None:
        self.is_overlong = self.is_overlong or self._rest_bytes > MAX_EVENT_BYTES + 1  # the first half of a blank line

    def _stop_at_overlong(self, events: list[bytes]) -> list[bytes]:
        """Judge events that came at one go as if they had come in pieces."""
        for place, event in enumerate(events):
            if len(event) > MAX_EVENT_BYTES:
                self.is_overlong = True
                return events[:place]
        return events


def _read_data(event: bytes) -> bytes | None:
    """Return the joined data lines of one event, or None when it has none."""
    if event.startswith(b"data: ") and b"\n" not in event:  # what servers send, nearly always
        return event[6:]
    lines = [
        value.removeprefix(b" ")
        for name, colon, value in (line.partition(b":") for line in event.split(b"\n"))
        if colon and name in (b"data", b"error")
    ]
    return b"\n".join(lines) if lines else None
