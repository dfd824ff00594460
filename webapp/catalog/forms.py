"""A Django form from a settings class: a strategy's `Params`, or `Sampling`."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from pydantic import BaseModel
from pydantic import ValidationError as Faults

from webapp.catalog.parameters import Parameter, explain_faults, read_parameters, show_value


class SettingsForm(forms.Form):
    """One text field for each setting. The form reads the texts; the settings class alone judges the values.

    With `may_be_blank`, an empty field means "as elsewhere" and is left out of `values`.
    """

    def __init__(
        self,
        settings: type[BaseModel],
        texts: Mapping[str, Any] | None = None,
        *,
        prefix: str = "",
        may_be_blank: bool = False,
        corpora: Sequence[tuple[str, str]] = (),
    ) -> None:
        """Make the fields; `texts` is what a browser sent, `corpora` are references and names to choose from."""
        super().__init__(texts, prefix=prefix)
        self.settings_class = settings
        self.parameters = read_parameters(settings)
        self.may_be_blank = may_be_blank
        self.values: dict[str, Any] = {}
        """Setting to value, as far as they could be read."""
        self.settings: BaseModel | None = None
        """The settings themselves, once they are valid."""
        for parameter in self.parameters:
            self.fields[parameter.name] = _field_for(parameter, corpora, may_be_blank=may_be_blank)

    def clean(self) -> dict[str, Any]:
        """Let the settings class judge what could be read; its faults stand at their fields."""
        cleaned = super().clean() or {}
        self.values = {name: value for name, value in cleaned.items() if not (self.may_be_blank and value is None)}
        try:
            settings = self.settings_class.model_validate(self.values)
        except Faults as error:
            for name, texts in explain_faults(error, self.parameters).items():
                if name not in self.errors:
                    self.add_error(name if name in self.fields else None, list(texts))
        else:
            self.settings = None if self.errors else settings
        return cleaned


def write_texts(settings: BaseModel | Mapping[str, Any], prefix: str) -> dict[str, str]:
    """Return settings as the texts that a `SettingsForm` with this prefix reads back."""
    values = settings.model_dump(mode="json") if isinstance(settings, BaseModel) else settings
    return {f"{prefix}-{name}": _text(value) for name, value in values.items()}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else show_value(value)


class _NumberField(forms.CharField):
    """A whole number; thousands may have commas or spaces between."""

    expected = "a whole number"
    read: Any = int

    def to_python(self, value: Any) -> Any:
        text = (super().to_python(value) or "").strip()
        if not text:
            return None
        try:
            number = self.read(re.sub(r"[,_\s ]", "", text)[:40])
        except (ValueError, OverflowError):
            raise ValidationError(f"Enter {self.expected}; “{text[:40]}” is not one.") from None
        if number != number or number in (float("inf"), float("-inf")):
            raise ValidationError(f"Enter {self.expected}; “{text[:40]}” is not one.")
        return number

    def clean(self, value: Any) -> Any:
        number = self.to_python(value)
        if number is None and self.required:
            raise ValidationError(f"Enter {self.expected}.")
        return number


class _RealField(_NumberField):
    expected = "a number"
    read = float


class _NumbersField(forms.CharField):
    """Whole numbers with commas or spaces between."""

    def clean(self, value: Any) -> Any:
        parts = re.split(r"[,;\s]+", (self.to_python(value) or "").strip(" ,;()[]"))[:1000]
        if parts == [""]:
            if self.required:
                raise ValidationError("Enter whole numbers with commas between, e.g. 8, 4, 1.")
            return None
        for part in parts:
            if not re.fullmatch(r"[+-]?\d{1,18}", part):
                raise ValidationError(
                    f"Enter whole numbers with commas between, e.g. 8, 4, 1; “{part[:40]}” is not one."
                )
        return tuple(int(part) for part in parts)


class _ChoiceField(forms.ChoiceField):
    """One of the values that a setting may take, shown without underscores."""

    def __init__(self, parameter: Parameter, *, required: bool) -> None:
        self._values = {_text(choice): choice for choice in parameter.choices}
        named = [(text, show_value(choice)) for text, choice in self._values.items()]
        blank = [] if required else [("", "as shared")]
        super().__init__(choices=[*blank, *named], required=required)

    def clean(self, value: Any) -> Any:
        text = self.to_python(value)
        if not text and not self.required:
            return None
        if text not in self._values:
            names = ", ".join(show_value(choice) for choice in self._values.values())
            raise ValidationError(f"Choose one of: {names}.")
        return self._values[text]


class _CorpusField(forms.ChoiceField):
    """An uploaded corpus, or none."""

    is_corpus = True

    def __init__(self, corpora: Sequence[tuple[str, str]]) -> None:
        super().__init__(choices=[("", "none"), *corpora], required=False)
        self._references = {"", *(reference for reference, _ in corpora)}

    def clean(self, value: Any) -> Any:
        text = self.to_python(value)
        if text not in self._references:
            name = text.rpartition("@")[0] or text
            raise ValidationError(f"The corpus ‘{name[:80]}’ is not there any more. Choose another one.")
        return text


class _YesField(forms.BooleanField):
    """A box to tick; the text `false` is not ticked."""

    def to_python(self, value: Any) -> bool:
        return value in (True, "true", "on", "yes", "1")


def _field_for(parameter: Parameter, corpora: Sequence[tuple[str, str]], *, may_be_blank: bool) -> forms.Field:
    required = not (may_be_blank or parameter.may_be_empty)
    field = _CorpusField(corpora) if parameter.kind == "corpus" else _make(parameter, required=required)
    field.label, field.help_text = parameter.title, parameter.help
    shape = {"boolean": "tick", "choice": "select", "corpus": "select"}.get(parameter.kind, "input")
    field.widget.attrs |= {"class": shape, "title": parameter.help}
    field.range = "" if parameter.kind in ("choice", "boolean", "corpus") else parameter.range  # type: ignore[attr-defined]
    return field


def _make(parameter: Parameter, *, required: bool) -> forms.Field:
    if parameter.kind == "choice":
        return _ChoiceField(parameter, required=required)
    if parameter.kind == "boolean":
        box = forms.CheckboxInput(check_test=lambda value: value in (True, "true", "on"))
        return _YesField(required=False, widget=box)
    if parameter.kind == "prose":
        return forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}))
    kinds: dict[str, type[forms.CharField]] = {
        "integer": _NumberField, "number": _RealField, "integers": _NumbersField, "text": forms.CharField,
    }  # fmt: skip
    keyboard = {"integer": "numeric", "number": "decimal"}.get(parameter.kind, "text")
    widget = forms.TextInput(attrs={"inputmode": keyboard, "autocomplete": "off", "spellcheck": "false"})
    return kinds[parameter.kind](required=required, widget=widget)
