"""The browser's types say what the event classes say."""

import pytest

from webapp.lib.typescript import type_of
from webapp.runs.management.commands.make_types import event_types, types_file


def test_the_committed_types_match_the_event_classes():
    assert types_file().read_text() == event_types(), "Run `make types` and commit static/js/types/events.d.ts."


def test_a_schema_without_words_for_it_is_refused():
    with pytest.raises(ValueError, match="No TypeScript for the schema"):
        type_of({"type": "object", "additionalProperties": True})
