"""What is counted of the requests to the model server."""

from collections.abc import Callable
from contextlib import aclosing

import pytest

from tests.fixtures_model_server import ModelServer
from tests.model_server import Rule
from tests.workers.backends.asking import HASTY, IMPATIENT, fail, make_request, read
from workers.backends.openai_server import OpenAIServer
from workers.metrics import REGISTRY, running_task

Rise = Callable[..., float]


@pytest.fixture
def rise() -> Rise:
    """Return by how much a figure has risen since the test began."""
    before = {(one.name, *sorted(one.labels.items())): one.value for family in REGISTRY.collect()
              for one in family.samples}  # fmt: skip
    return lambda name, **labels: (
        (REGISTRY.get_sample_value(name, labels) or 0) - before.get((name, *sorted(labels.items())), 0)
    )


async def test_a_whole_answer_is_counted_with_its_tokens(model_server: ModelServer, rise: Rise) -> None:
    model_server.script(Rule(replies=("one two three",)))

    async with OpenAIServer(model_server.base_url) as model:
        chunks = await read(model, make_request("How many legs have two cats?"))

    usage = chunks[-1].usage
    assert usage
    assert rise("retort_completion_tokens_total") == usage.completion_tokens == 3
    assert rise("retort_prompt_tokens_total") == usage.prompt_tokens > 0
    assert rise("retort_model_requests_total", outcome="stop") == 1
    assert rise("retort_open_streams") == 0


async def test_an_answer_that_met_its_limit_is_counted_as_such(model_server: ModelServer, rise: Rise) -> None:
    model_server.script(Rule(replies=("one two three",)))

    async with OpenAIServer(model_server.base_url) as model:
        await read(model, make_request(max_tokens=2))

    assert rise("retort_model_requests_total", outcome="length") == 1
    assert rise("retort_completion_tokens_total") == 2


@pytest.mark.parametrize(
    ("rule", "outcome"),
    [
        (Rule(fault="cut"), "cut"),
        (Rule(fault="hang"), "cut"),
        (Rule(fault="hang_up"), "unreachable"),
        (Rule(fault="status", status=503), "unreachable"),
        (Rule(fault="status", status=401), "refused"),
    ],
)
async def test_a_request_that_fails_is_counted_by_why(
    model_server: ModelServer, rise: Rise, rule: Rule, outcome: str
) -> None:
    model_server.script(rule)

    async with OpenAIServer(model_server.base_url, patience=IMPATIENT) as model:
        await fail(model, make_request())

    assert rise("retort_model_requests_total", outcome=outcome) == 1
    assert rise("retort_open_streams") == 0


async def test_every_request_that_is_sent_again_is_counted(model_server: ModelServer, rise: Rise) -> None:
    model_server.script(Rule(fault="cut", after=1, times=2), Rule(replies=("one two",)))

    async with OpenAIServer(model_server.base_url, patience=HASTY) as model:
        await read(model, make_request())

    assert rise("retort_retries_total") == 2
    assert rise("retort_model_requests_total", outcome="cut") == 2
    assert rise("retort_completion_tokens_total") == 1 + 1 + 2


async def test_a_stream_is_open_until_we_close_it(model_server: ModelServer, rise: Rise) -> None:
    model_server.script(Rule(fault="hang", after=1))

    async with OpenAIServer(model_server.base_url) as model:
        async with aclosing(model.stream(make_request())) as chunks:
            await anext(chunks)
            while_open = rise("retort_open_streams")

    assert (while_open, rise("retort_open_streams")) == (1, 0)
    assert rise("retort_model_requests_total", outcome="closed") == 1


def test_a_task_is_counted_by_how_it_ended(rise: Rise) -> None:
    with running_task():
        while_running = rise("retort_tasks_running")
    with pytest.raises(LookupError), running_task():
        raise LookupError

    assert (while_running, rise("retort_tasks_running")) == (1, 0)
    assert rise("retort_tasks_total", outcome="ended") == 1
    assert rise("retort_tasks_total", outcome="broke") == 1
