"""Cut a collection of texts into the passages that a search finds."""

import re

PASSAGE_BYTES = 1200
"""About 300 tokens, or 200 English words, or 400 Chinese characters."""
OVERLAP_BYTES = 180
"""What neighboring passages of one long paragraph share at least, so that no sentence is lost in a cut."""


def split_passages(text: str) -> list[str]:
    r"""Return the paragraphs of a text; one that is too long is cut into passages that overlap.

    >>> split_passages("One.\n\n\nTwo\nlines.\n \n"), [len(p.split()) for p in split_passages("words " * 400)]
    (['One.', 'Two lines.'], [200, 200, 60])
    """
    passages = []
    for paragraph in re.split(r"\n[ \t\r]*\n", text):
        encoded, start = " ".join(paragraph.split()).encode(), 0
        while len(encoded) - start > PASSAGE_BYTES:
            end = _find_cut(encoded, start + PASSAGE_BYTES)
            passages.append(encoded[start:end].decode().strip())
            start = _find_cut(encoded, end - OVERLAP_BYTES)
        passages.append(encoded[start:].decode().strip())
    return [passage for passage in passages if passage]


def _find_cut(encoded: bytes, most: int) -> int:
    """Return where a UTF-8 text can be cut: at the last space before a place or, in a very long word, there."""
    space = encoded.rfind(b" ", most - OVERLAP_BYTES, most + 1)
    if space >= 0:
        return space
    while encoded[most] & 0xC0 == 0x80:  # in the middle of a character
        most -= 1
    return most
