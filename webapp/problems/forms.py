"""The form that imports a suite."""

from typing import Any

from django import forms

from webapp.problems.importing import MOST_NAME_CHARS, MOST_SLUG_CHARS, Imported, import_suite
from webapp.problems.reading import BadFile
from workers.graders import catalog


class ImportForm(forms.Form):
    """A file or a text, and what the suite is called. Saving is part of cleaning: the file's faults are the form's."""

    name = forms.CharField(
        required=False,
        max_length=MOST_NAME_CHARS,
        widget=forms.TextInput(attrs={"class": "input", "autocomplete": "off"}),
    )
    slug = forms.CharField(
        required=False,
        max_length=MOST_SLUG_CHARS,
        help_text="Its name in addresses. Empty: made from the name. A slug that is taken gets a new version.",
        widget=forms.TextInput(attrs={"class": "input", "autocomplete": "off", "spellcheck": "false"}),
    )
    grader = forms.ChoiceField(
        initial="boxed_math",
        help_text="Judges the problems that name none in a column of their own.",
        widget=forms.Select(attrs={"class": "select"}),
    )
    description = forms.CharField(required=False, widget=forms.TextInput(attrs={"class": "input"}))
    file = forms.FileField(
        required=False,
        label="File",
        help_text="JSONL or CSV, UTF-8.",
        widget=forms.FileInput(attrs={"accept": ".jsonl,.csv,.json,.txt"}),
    )
    text = forms.CharField(
        required=False,
        strip=False,
        label="Or paste it",
        widget=forms.Textarea(attrs={"class": "editor__text", "rows": 8, "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        graders = [(grader.slug, grader.title) for grader in catalog().values()]
        self.fields["grader"].choices = graders  # type: ignore[attr-defined]
        for name in ("name", "slug", "description", "text"):
            self.fields[name].validators = []  # importing says the same, and what to do
        self.imported: Imported | None = None

    def clean(self) -> dict[str, Any]:
        """Import. Every fault becomes an error of the form."""
        cleaned = super().clean() or {}
        file, text = cleaned.get("file"), cleaned.get("text", "")
        if bool(file) == bool(text.strip()):
            self.add_error(
                None, "Choose a file or paste its text; not both." if file else "Choose a file or paste its text."
            )
        if self.errors:
            return cleaned
        content = file.read() if file else text.encode(errors="surrogatepass")
        names = ("name", "slug", "grader", "description")
        try:
            self.imported = import_suite(content=content, **{name: cleaned[name] for name in names})
        except BadFile as error:
            for fault in error.faults:
                self.add_error(None, fault)
        return cleaned
