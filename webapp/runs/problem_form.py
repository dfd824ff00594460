"""The form of a problem that somebody writes, or takes from a suite."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict

from webapp.problems.models import Problem
from workers import graders
from workers.core.errors import UnreadableAnswer

MOST_QUESTION_BYTES = 65_536
MOST_ANSWER_BYTES = 4_096


class ProblemForm(forms.Form):
    """A question, and how its answer is judged."""

    question = forms.CharField(label="Problem", required=False, strip=False, widget=forms.Textarea)
    answer = forms.CharField(label="Reference answer", required=False)
    grader = forms.ChoiceField(
        label="Grader",
        error_messages={
            "required": "Choose a grader.",
            "invalid_choice": "There is no grader ‘%(value)s’. Choose one of the list.",
        },
    )
    problem = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, texts: QueryDict) -> None:
        """Offer the graders there are."""
        super().__init__(texts)
        self.fields["grader"].choices = [  # type: ignore[attr-defined]
            (grader.slug, grader.title) for grader in graders.catalog().values()
        ]
        self.reading = ""
        """How the grader reads the reference answer."""
        for name, shape in (("question", "editor__text"), ("answer", "input"), ("grader", "select"), ("problem", "")):
            self.fields[name].widget.attrs["class"] = shape
            self.fields[name].validators = []  # ours below say what to do
        self.fields["question"].widget.attrs |= {"rows": 6, "spellcheck": "false"}
        self.fields["answer"].widget.attrs |= {"autocomplete": "off", "spellcheck": "false"}

    def clean_question(self) -> str:
        question = self.cleaned_data["question"].replace("\r\n", "\n")
        if not question.strip():
            raise ValidationError("Write a problem, or take one from a suite.")
        return _storable(question, "problem", MOST_QUESTION_BYTES)

    def clean_answer(self) -> str:
        return _storable(self.cleaned_data["answer"], "reference answer", MOST_ANSWER_BYTES)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        self.taken = self._find_taken(cleaned)
        grader = graders.catalog().get(cleaned.get("grader", ""))
        if cleaned.get("answer") and grader:
            try:
                self.reading = grader.read_reference(cleaned["answer"], self.taken.grader_input if self.taken else {})
            except UnreadableAnswer as error:
                self.add_error("answer", str(error))
        return cleaned

    def _find_taken(self, cleaned: dict[str, Any]) -> Problem | None:
        """Return the stored problem that was taken, unless it was changed since."""
        number = cleaned.get("problem") or ""
        stored = Problem.objects.filter(pk=number).first() if number.isdecimal() and len(number) < 18 else None
        names = ("question", "answer", "grader")
        if stored and all(getattr(stored, name) == cleaned.get(name) for name in names):
            return stored
        return None

    def save(self) -> Problem:
        """Return the problem to work on: the stored one that was taken, or a new one."""
        names = ("question", "answer", "grader")
        return self.taken or Problem.objects.create(**{name: self.cleaned_data[name] for name in names})


def _storable(text: str, what: str, most_bytes: int) -> str:
    """Return the text if it can be stored and sent. Raises ValidationError."""
    if "\x00" in text:
        raise ValidationError(f"The {what} holds a NUL character, which cannot be stored. Delete it.")
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise ValidationError(f"The {what} holds half a character (a lone surrogate). Delete it.") from None
    if size > most_bytes:
        raise ValidationError(f"The {what} has {size:,} bytes; the most is {most_bytes:,}. Shorten it.")
    return text
