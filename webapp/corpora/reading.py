"""Read the text of a corpus: plain text or Markdown as it is, or the texts of JSONL."""

import json

from workers.core.passages import split_passages

MOST_BYTES = 2_000_000
TEXT = ("text", "content", "contents")
"""What published collections call the text of a record."""


class BadCorpus(ValueError):
    """A corpus that is not taken; the message is a sentence for people."""


def read_text(content: bytes, *, is_jsonl: bool) -> str:
    """Return the text to be kept; its paragraphs become passages. Raises BadCorpus."""
    if len(content) > MOST_BYTES:
        raise BadCorpus(
            f"The text has {len(content):,} bytes; the most is {MOST_BYTES:,}. Leave out what no problem asks about."
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = 1 + content.count(b"\n", 0, error.start)
        raise BadCorpus(f"Line {line} is not UTF-8. Save the file as UTF-8 and upload it again.") from None
    if is_jsonl:
        text = "\n\n".join(
            _read_record(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()
        )
    text = text.replace("\r\n", "\n")
    if "\x00" in text:
        raise BadCorpus("The text holds a NUL character, which cannot be stored. Delete it, or upload a file of text.")
    if not split_passages(text):
        raise BadCorpus("The text is empty: it holds nothing but white space.")
    return text


def _read_record(number: int, line: str) -> str:
    """Return the text of one line, under its title if it has one."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        raise BadCorpus(f"Line {number} is not JSON. Every line of a .jsonl file is one record.") from None
    record = {"text": record} if isinstance(record, str) else record
    fields = record if isinstance(record, dict) else {}
    text = next((fields[name] for name in TEXT if isinstance(fields.get(name), str)), None)
    if text is None:
        raise BadCorpus(f'Line {number} has no text. A record is a string, or an object with a "text".')
    title = fields.get("title")
    whole = f"{title}\n{text}" if isinstance(title, str) and title.strip() else text
    try:
        whole.encode()
    except UnicodeEncodeError:
        raise BadCorpus(f"Line {number} holds half a character (a lone surrogate). Delete it.") from None
    return whole
