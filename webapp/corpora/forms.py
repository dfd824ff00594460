"""The form that uploads a corpus."""

from pathlib import PurePath
from typing import Any

from django import forms

from webapp.corpora.importing import MOST_NAME_CHARS, Imported, import_corpus
from webapp.corpora.reading import MOST_BYTES, BadCorpus


class UploadForm(forms.Form):
    """A file or a text, and its name. Saving is part of cleaning: what is wrong with the text is the form's fault."""

    name = forms.CharField(
        required=False,
        help_text="Empty: the file's.",
        widget=forms.TextInput(attrs={"class": "input", "autocomplete": "off", "maxlength": MOST_NAME_CHARS}),
    )
    file = forms.FileField(
        required=False,
        allow_empty_file=True,  # importing says the same, and what to do
        label="File",
        help_text=f".txt, .md or .jsonl, UTF-8, at most {MOST_BYTES:,} bytes.",
        widget=forms.FileInput(attrs={"accept": ".txt,.md,.jsonl"}),
    )
    text = forms.CharField(
        required=False,
        strip=False,
        label="Or paste it",
        widget=forms.Textarea(attrs={"class": "editor__text", "rows": 8, "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("name", "text"):
            self.fields[name].validators = []
        self.imported: Imported | None = None

    def clean(self) -> dict[str, Any]:
        """Import. What is wrong becomes an error of the form."""
        cleaned = super().clean() or {}
        file, text = cleaned.get("file"), cleaned.get("text", "")
        if (file is not None) == bool(text.strip()):
            only = "Choose a file or paste a text"
            self.add_error(None, f"{only}; not both." if text.strip() else f"{only}.")
        if self.errors:
            return cleaned
        path = PurePath(file.name if file else "")
        if file and path.suffix.lower() not in (".txt", ".md", ".jsonl"):
            self.add_error("file", f"‘{path.name[-80:]}’ is none of .txt, .md and .jsonl.")
            return cleaned
        if file and file.size > MOST_BYTES:  # it is not read, however large
            self.add_error(None, f"The file has {file.size:,} bytes; the most is {MOST_BYTES:,}.")
            return cleaned
        content = file.read() if file else text.encode(errors="surrogatepass")
        try:
            name = cleaned["name"] or path.stem
            self.imported = import_corpus(content=content, name=name, is_jsonl=path.suffix.lower() == ".jsonl")
        except BadCorpus as fault:
            self.add_error(None, str(fault))
        return cleaned
