"""Making a model's text fit for storage and for browsers: no NUL, no half characters."""

NUL = "\x00"
REPLACEMENT = "\ufffd"


class TextCleaner:
    """Cleans the pieces of one channel.

    NUL and lone surrogates become U+FFFD (databases refuse both); the halves of a surrogate pair that came in
    different pieces are joined.
    """

    def __init__(self) -> None:
        """Begin with nothing held back."""
        self._held = ""

    def clean(self, text: str) -> str:
        """Return what can be said for sure; half a pair at the end waits for the next piece."""
        if text.isascii() and not self._held:
            return text.replace(NUL, REPLACEMENT)
        text = self._held + text
        self._held = ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self._held = text[:-1], text[-1]
        return clean_text(text)

    def end(self) -> str:
        """Return what was held back, now that nothing follows."""
        held, self._held = self._held, ""
        return clean_text(held)


def clean_text(text: str) -> str:
    """Return a whole text with NUL and lone surrogates replaced."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").replace(NUL, REPLACEMENT)
