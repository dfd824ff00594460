"""How a server is asked how likely a text is, and how its answer is read."""

from typing import Any

import pytest

from workers.backends._odds import read_content
from workers.backends._weighing import read_weighing, write_weighing
from workers.core.errors import Refused
from workers.core.model import Message, Request
from workers.core.values import TokenOdds

ASKED = Request(
    key="score-1", role="score", messages=(Message("user", "Where?"), Message("assistant", "It is")), model="small",
    temperature=1, top_p=1, max_tokens=9, seed=3, continues=True, scored=" Paris", top_logprobs=2,
)  # fmt: skip


def entry(*tokens: tuple[str, float]) -> dict[str, Any]:
    return {str(n): {"decoded_token": token, "logprob": logprob} for n, (token, logprob) in enumerate(tokens)}


def answer(*entries: Any) -> dict[str, Any]:
    usage = {"prompt_tokens": len(entries), "completion_tokens": 1}
    return {"prompt_logprobs": [None, *entries], "usage": usage, "choices": [{"message": {"content": "x"}}]}


def test_the_text_goes_to_the_end_of_what_is_begun() -> None:
    path, fields = write_weighing(ASKED)

    assert path == "chat/completions"
    assert fields["messages"][-1] == {"role": "assistant", "content": "It is Paris"}
    assert (fields["prompt_logprobs"], fields["max_tokens"], fields["continue_final_message"]) == (2, 1, True)


def test_with_nothing_begun_the_text_is_the_whole_answer() -> None:
    _, fields = write_weighing(ASKED.model_copy(update={"messages": ASKED.messages[:1], "continues": False}))

    assert [message["role"] for message in fields["messages"]] == ["user", "assistant"]
    assert fields["messages"][-1]["content"] == " Paris"


def test_with_no_prompt_the_text_stands_alone() -> None:
    path, fields = write_weighing(ASKED.model_copy(update={"messages": (), "continues": False}))

    assert (path, fields["prompt"]) == ("completions", " Paris")


def test_only_the_scored_tokens_are_read_likeliest_first() -> None:
    chunk = read_weighing(
        "It", answer(entry((" is", -0.1)), entry((" Par", -2.0), (" Lon", -1.0), (" Rom", -3.0)), entry(("is", -0.2))),
        ASKED,
    )  # fmt: skip

    assert chunk.odds == (
        TokenOdds(" Par", -2.0, ((" Lon", -1.0), (" Par", -2.0))), TokenOdds("is", -0.2, (("is", -0.2),)),
    )  # fmt: skip
    assert (chunk.text, chunk.finish_reason, chunk.tokens) == ("", "stop", 1)


def test_completions_put_the_odds_into_their_choice() -> None:
    told = {"choices": [{"text": "x", "prompt_logprobs": [None, entry((" Paris", -1.0))]}]}

    assert read_weighing("It", told, ASKED).odds[0].logprob == -1.0


@pytest.mark.parametrize("told", [None, [], {}, {"choices": []}, {"choices": [{"prompt_logprobs": None}]}])
def test_an_answer_without_odds_is_refused(told: Any) -> None:
    with pytest.raises(Refused, match="no log-probabilities"):
        read_weighing("It", told, ASKED)


@pytest.mark.parametrize(
    "told",
    [
        None,
        [],
        {"content": None},
        {"content": [None, 3, {}, {"token": 1, "logprob": 0}, {"token": "a", "logprob": "b"}]},
    ],
)
def test_odds_that_make_no_sense_are_left_out(told: Any) -> None:
    assert read_content(told) == []


def test_odds_of_a_chat_are_read() -> None:
    top = [{"token": "a", "logprob": -0.5}, {"token": "b", "logprob": float("-inf")}, "nonsense"]

    assert read_content({"content": [{"token": "a", "logprob": -0.5, "top_logprobs": top}]}) == [
        TokenOdds("a", -0.5, (("a", -0.5),))
    ]
