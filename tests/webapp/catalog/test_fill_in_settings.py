"""The form of a settings class: texts in, values or sentences out."""

from enum import Enum
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, field_validator

from webapp.catalog.forms import SettingsForm, write_texts
from webapp.catalog.parameters import read_parameters


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Settings(BaseModel):
    """One field of each kind."""

    drafts: int = Field(1_024, ge=1, le=20_000, title="Drafts", description="How many.")
    spread: float = Field(0.5, gt=0, le=2)
    widths: tuple[Annotated[int, Field(ge=1, le=64)], ...] = Field((8, 4, 1), max_length=4)
    kind: Literal["top_k", "random"] = "top_k"
    color: Color = Color.RED
    keep: int | None = Field(None, ge=0)
    loud: bool = True
    name: str = "ada"
    story: str = Field("", max_length=2_000)

    @field_validator("name")
    @classmethod
    def _check(cls, name: str) -> str:
        if name == "eve":
            raise ValueError("Eve may not.")
        return name


def form(**changes):
    texts = write_texts(Settings(), "s")
    return SettingsForm(Settings, texts | {f"s-{name}": text for name, text in changes.items()}, prefix="s")


def test_defaults_survive_the_way_to_the_page_and_back():
    filled = form()

    assert filled.is_valid(), filled.errors
    assert filled.settings == Settings()


@given(
    st.builds(
        Settings,
        drafts=st.integers(1, 20_000),
        spread=st.floats(0.001, 2),
        widths=st.lists(st.integers(1, 64), min_size=1, max_size=4).map(tuple),
        kind=st.sampled_from(["top_k", "random"]),
        color=st.sampled_from(Color),
        keep=st.none() | st.integers(0, 10**12),
        loud=st.booleans(),
        name=st.just("ben"),
    )
)
def test_any_settings_survive_the_way_to_the_page_and_back(settings):
    filled = SettingsForm(Settings, write_texts(settings, "s"), prefix="s")

    assert filled.is_valid(), filled.errors
    assert filled.settings == settings


@pytest.mark.parametrize("text", ["8,4,1", "8 4 1", " 8; 4, 1, ", "(8, 4, 1)", "[8,4,1]"])
def test_a_list_may_be_written_in_several_ways(text):
    assert form(widths=text).is_valid()


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"drafts": "10,000,000"}, "drafts", "Enter 1 to 20,000; 10,000,000 is too large."),
        ({"drafts": "0"}, "drafts", "Enter 1 to 20,000; 0 is too small."),
        ({"drafts": "many"}, "drafts", "Enter a whole number; “many” is not one."),
        ({"drafts": "1.5"}, "drafts", "Enter a whole number; “1.5” is not one."),
        ({"drafts": ""}, "drafts", "Enter a whole number."),
        ({"drafts": "9" * 5_000}, "drafts", f"Enter 1 to 20,000; {int('9' * 40):,} is too large."),
        ({"spread": "0"}, "spread", "Enter above 0, up to 2; 0.0 is too small."),
        ({"spread": "inf"}, "spread", "Enter a number; “inf” is not one."),
        ({"widths": "65, 1"}, "widths", "Enter every number 1 to 64; 65 is too large."),
        ({"widths": "1, 1, 1, 1, 1"}, "widths", "Enter at most 4 numbers, e.g. 8, 4, 1."),
        ({"widths": ""}, "widths", "Enter whole numbers with commas between, e.g. 8, 4, 1."),
        ({"kind": "best"}, "kind", "Choose one of: top k, random."),
        ({"keep": "-1"}, "keep", "Enter 0 or more; -1 is too small."),
        ({"name": "eve"}, "name", "Eve may not."),
    ],
)
def test_a_fault_says_what_to_enter(changes, field, sentence):
    filled = form(**changes)

    assert not filled.is_valid()
    assert dict(filled.errors) == {field: [sentence]}
    assert filled.settings is None


def test_a_blank_field_may_mean_as_elsewhere():
    filled = SettingsForm(Settings, {"s-spread": "1.5"}, prefix="s", may_be_blank=True)

    assert filled.is_valid(), filled.errors
    assert filled.values == {"spread": 1.5, "loud": False, "name": "", "story": ""}


def test_ranges_are_told_in_words():
    ranges = {parameter.name: parameter.range for parameter in read_parameters(Settings)}

    assert ranges == {
        "drafts": "1 to 20,000", "spread": "above 0, up to 2", "widths": "each 1 to 64", "kind": "2 kinds",
        "color": "2 kinds", "keep": "0 or more", "loud": "yes or no", "name": "any",
        "story": "at most 2,000 characters",
    }  # fmt: skip


def test_prose_keeps_its_lines():
    filled = form(story="One.\r\n\r\nTwo.")

    assert filled.is_valid(), filled.errors
    assert filled.settings.story == "One.\r\n\r\nTwo."
    assert "<textarea" in str(filled["story"])


def test_prose_may_be_empty():
    assert form(story="").is_valid()


def test_prose_that_is_too_long_says_by_how_much():
    assert form(story="x" * 2_001).errors == {"story": ["Enter at most 2,000 characters; these are 2,001."]}
