"""A strategy's docstring as blocks for a page."""

import re
from typing import NamedTuple

_LABEL = re.compile(
    r"(?:^|(?<=[.]) )(Procedure|Cost|Depth|Differs from the paper|Reported|Source)(, [^:\n]+)?:\s", re.MULTILINE
)
_ITEM = re.compile(r"^(?:\d+\.|-)\s+", re.MULTILINE)
_MARKED = re.compile(r"`([^`]*)`|(arXiv:\d{4}\.\d{4,5})")


class Piece(NamedTuple):
    """A stretch of text, as code or not."""

    text: str
    is_code: bool
    url: str = ""
    """Of a paper that the text names."""


class Block(NamedTuple):
    """A paragraph or a list, perhaps with a label before it."""

    label: str
    pieces: list[Piece]
    items: list[list[Piece]]


def read_documentation(text: str) -> list[Block]:
    """Return the blocks of a docstring behind its first paragraph, which is the summary."""
    blocks = []
    for paragraph in re.split(r"\n\s*\n", text.strip())[1:]:
        for label, body in _labelled(paragraph):
            lead, *items = _ITEM.split(body.strip())
            blocks.append(Block(label, read_pieces(lead), [read_pieces(item) for item in items]))
    return blocks


def read_pieces(text: str) -> list[Piece]:
    """Return a text on one line, as a sentence, with what stands in backticks and papers on arXiv set apart.

    >>> [piece.text for piece in read_pieces("run `drafts` drafts, arXiv:2203.11171.")]
    ['Run ', 'drafts', ' drafts, ', 'arXiv:2203.11171', '.']
    >>> read_pieces("`drafts`, arXiv:2203.11171")[2].url
    'https://arxiv.org/abs/2203.11171'
    """
    flat = re.sub(r"\s+", " ", text).strip()
    if re.match(r"[a-z]+\s", flat):  # not a name or a formula
        flat = flat[:1].upper() + flat[1:]
    pieces, end = [], 0
    for found in _MARKED.finditer(flat):
        code, paper = found.groups()
        pieces.append(Piece(flat[end : found.start()], is_code=False))
        url = f"https://arxiv.org/abs/{paper.removeprefix('arXiv:')}" if paper else ""
        pieces.append(Piece(paper or code, is_code=not paper, url=url))
        end = found.end()
    pieces.append(Piece(flat[end:], is_code=False))
    return [piece for piece in pieces if piece.text]


def _labelled(paragraph: str) -> list[tuple[str, str]]:
    """Split a paragraph where a line, or a sentence, begins with one of the labels, e.g. `Procedure, online:`."""
    parts = _LABEL.split(paragraph)
    first = [("", parts[0])] if parts[0].strip() else []
    labelled = zip(parts[1::3], parts[2::3], parts[3::3], strict=True)
    return first + [(label, f"{case[2:]}:\n{body}" if case else body) for label, case, body in labelled]
