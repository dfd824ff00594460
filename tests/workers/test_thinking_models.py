"""Reasoning models over a real server: what they think is no answer, wherever the server puts it."""

import pytest

from tests.fixtures_model_server import ModelServer
from tests.model_server import Rule
from tests.workers.test_stop_lanes import make_lane
from workers.backends.openai_server import OpenAIServer
from workers.core import events
from workers.core.events import CallFinished

FIELDS = ("reasoning", "reasoning_content", "content", "opened")
GUESS = r"Six times six is \boxed{36}, so a little more."
SAID = r"It is \boxed{42}."


async def work(server: ModelServer, *, max_tokens: int = 512) -> list[events.Event]:
    heard: list[events.Event] = []
    async with OpenAIServer(server.base_url) as model:
        await make_lane("self_consistency", model, heard, sampling={"max_tokens": max_tokens}).start()
    return heard


@pytest.mark.parametrize("field", FIELDS)
async def test_a_box_in_a_thought_is_no_answer(model_server: ModelServer, field: str) -> None:
    model_server.script(Rule(thinking=GUESS, thinking_field=field, replies=(SAID,)))

    heard = await work(model_server)

    assert {event.answer for event in heard if isinstance(event, CallFinished)} == {"42"}
    [answer] = [event for event in heard if isinstance(event, events.AnswerGiven)]
    assert (answer.text, answer.answer) == (SAID, "42")


@pytest.mark.parametrize("field", FIELDS[:3])
async def test_a_draft_that_ends_in_its_thought_has_no_answer(model_server: ModelServer, field: str) -> None:
    """A guess on the way is not what the model would have said; that the call was too short is shown instead."""
    model_server.script(Rule(thinking=GUESS, thinking_field=field, replies=(SAID,)))

    heard = await work(model_server, max_tokens=7)

    drafts = [event for event in heard if isinstance(event, CallFinished)]
    assert {(draft.answer, draft.finish_reason) for draft in drafts} == {(None, "length")}
    assert all(r"\boxed{36}" in draft.thinking + draft.text for draft in drafts)
    [answer] = [event for event in heard if isinstance(event, events.AnswerGiven)]
    [verdict] = [event for event in heard if isinstance(event, events.VerdictReached)]
    assert (answer.text, answer.answer, verdict.ruling) == ("", None, "unreadable")
    end = heard[-1]
    assert isinstance(end, events.LaneFinished)
    assert end.ledger.wasted_tokens == end.ledger.total_tokens
