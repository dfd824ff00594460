"""What Parallel-Distill-Refine promises: bounded prompts, forgotten rounds, nothing that depends on who is faster."""

import re
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.workers.strategies.playing import QUESTION, Endless, Stage, ThinkingModel, play
from workers.core.errors import StreamCut
from workers.core.events import CallFinished, CallStarted, NoteTaken, WorkspaceWritten
from workers.core.prompts import fill
from workers.strategies import catalog
from workers.strategies._prompts import DRAFT
from workers.strategies.parallel_distill_refine import REFINE, DistillerName, Params

PDR = catalog()["parallel_distill_refine"]
DISTILLERS: tuple[DistillerName, ...] = get_args(DistillerName)
every_distiller = pytest.mark.parametrize("distiller", DISTILLERS)
CUT = StreamCut("The stream broke.")


def long_replies(words: int) -> dict[str, Endless]:
    """Solutions of that many words, all different, with the answer at the end; selections are readable."""

    def write(role: str, number: int) -> str:
        return " ".join(f"{role}{number}.{word}" for word in range(words)) + f" [{number}, 1] \\boxed{{{number}}}"

    return {role: Endless(lambda number, role=role: write(role, number)) for role in _ROLES}  # type: ignore[misc]


_ROLES = ("draft", "refine", "distill", "select")


def written_by(role: str, prompt: str) -> set[str]:
    """Return the keys of the calls whose text stands in a prompt."""
    return {f"{role}-{number}" for number in re.findall(rf"\b{role}(\d+)\b", prompt)}


# --- the first round, and arrival -------------------------------------------------------------------------------------


@every_distiller
async def test_first_drafts_all_read_the_bare_problem(distiller: DistillerName):
    played = await play(PDR, {"widths": (4, 2, 1), "distiller": distiller})

    prompts = {prompt for key, prompt in played.prompts.items() if key.startswith("draft-")}
    assert prompts == {fill(DRAFT, question=QUESTION)}


@every_distiller
async def test_workspaces_do_not_depend_on_who_is_faster(distiller: DistillerName):
    params = {"widths": (5, 3, 1), "distiller": distiller}

    first, *others = [(await play(PDR, params, arrival=arrival)).facts for arrival in range(6)]

    assert all(other == first for other in others)


@every_distiller
async def test_another_seed_shows_the_drafts_in_another_order(distiller: DistillerName):
    params = {"widths": (6, 1), "distiller": distiller}

    prompts = {tuple((await play(PDR, params, seed=seed)).prompts.values()) for seed in range(4)}

    assert (len(prompts) == 1) == (distiller == "identity")


# --- bounds -----------------------------------------------------------------------------------------------------------


@every_distiller
@given(data=st.data())
@settings(max_examples=25)
async def test_no_workspace_passes_its_limit(distiller: DistillerName, data: st.DataObject):
    params = {
        "widths": (*data.draw(st.lists(st.integers(1, 6), max_size=2)), 1),
        "distiller": distiller,
        "top_k": data.draw(st.integers(1, 5)),
        "workspace_tokens": data.draw(st.integers(200, 600)),
        "reading_tokens": data.draw(st.integers(128, 1_000)),
    }

    played = await play(PDR, params, replies=long_replies(data.draw(st.integers(1, 400))), max_tokens=512)

    for workspace in played.all_of(WorkspaceWritten):
        assert len(workspace.text.split()) == workspace.tokens <= workspace.limit == params["workspace_tokens"]


@every_distiller
@pytest.mark.parametrize("widths", [(2, 1), (12, 1), (3, 3, 3, 3, 1)], ids=str)
async def test_prompts_do_not_grow_with_drafts_or_rounds(distiller: DistillerName, widths: tuple[int, ...]):
    params = {"widths": widths, "distiller": distiller, "workspace_tokens": 200}

    played = await play(PDR, params, replies=long_replies(150), max_tokens=160)

    problem = len(fill(REFINE, question=QUESTION, workspace="").split())
    finished = [call for call in played.all_of(CallFinished) if call.call.startswith(("draft-", "refine-"))]
    assert finished
    assert max(call.usage.total_tokens for call in finished) <= problem + 200 + 160


@pytest.mark.parametrize("distiller", ["global_summary", "shared_topk", "per_sample_topk"])
async def test_distilling_calls_read_no_more_than_they_are_given(distiller: DistillerName):
    params = {"widths": (8, 1), "distiller": distiller, "reading_tokens": 400}

    played = await play(PDR, params, replies=long_replies(300), max_tokens=400)

    [prompt] = [prompt for key, prompt in played.prompts.items() if key.startswith(("distill-", "select-"))]
    assert len(re.findall(r"\bdraft\d+\.\d+", prompt)) <= 400
    assert written_by("draft", prompt) == {f"draft-{number}" for number in range(1, 9)}  # each keeps its end


async def test_solutions_that_fit_their_share_are_kept_whole():
    params = {"widths": (4, 1), "distiller": "random_k", "top_k": 2, "workspace_tokens": 200}

    played = await play(PDR, params, replies=long_replies(80))

    [workspace] = played.all_of(WorkspaceWritten)
    assert len(re.findall(r"\bdraft\d+\.\d+", workspace.text)) == 2 * 80
    assert not played.all_of(NoteTaken)


async def test_a_summary_that_runs_over_is_cut_to_its_end_with_a_note():
    replies = {**long_replies(50), "distill": ("<think> hm </think> " + "blah " * 300 + "the end",)}

    played = await play(
        PDR, {"widths": (2, 1), "workspace_tokens": 128}, max_tokens=512,
        replies={**replies, "draft": ("<think> hm </think> \\boxed{1}",) * 2},
    )  # fmt: skip

    [workspace] = played.all_of(WorkspaceWritten)
    assert workspace.text.endswith("the end")
    assert [note.text for note in played.all_of(NoteTaken)] == [
        f"Workspace 1 was cut to its last {workspace.tokens} tokens; the limit is 128."
    ]


async def test_a_summary_may_write_no_more_than_the_workspace_holds():
    played = await play(PDR, {"widths": (2, 1), "workspace_tokens": 200}, max_tokens=512)

    limits = {request.role: request.max_tokens for request in played.model.asked}
    assert limits == {"draft": 512, "distill": 200, "refine": 512}


# --- what goes on, and what does not ----------------------------------------------------------------------------------


@every_distiller
async def test_a_round_forgets_all_rounds_before_the_last(distiller: DistillerName):
    played = await play(PDR, {"widths": (3, 2, 2, 1), "distiller": distiller}, replies=long_replies(20))

    rounds = {event.call: event.round for event in played.all_of(CallStarted)}
    for key, prompt in played.prompts.items():
        read = {call for role in _ROLES for call in written_by(role, prompt)}
        assert {rounds[call] for call in read} <= {rounds[key] - 1, rounds[key]}
        if key.startswith("refine-"):
            assert read
            assert {rounds[call] for call in read} == {rounds[key] - 1}


@every_distiller
@pytest.mark.parametrize("wrap", [lambda model: model, ThinkingModel], ids=["in the text", "on its own channel"])
async def test_thinking_goes_nowhere(distiller: DistillerName, wrap: Any):
    replies = {role: Endless(lambda n: f"<think> secret </think> Says {n} [1, 2] \\boxed{{{n}}}") for role in _ROLES}

    played = await play(PDR, {"widths": (3, 2, 1), "distiller": distiller}, replies=replies, wrap=wrap)

    assert not any("secret" in prompt for prompt in played.prompts.values())
    assert not any("secret" in workspace.text for workspace in played.all_of(WorkspaceWritten))
    assert played.answer is not None
    assert "secret" not in played.answer.text


@every_distiller
async def test_thinking_that_never_ends_goes_nowhere(distiller: DistillerName):
    replies = {**long_replies(5), "draft": ("<think> secret secret", "Fine: \\boxed{7}", "<think> secret")}

    played = await play(PDR, {"widths": (3, 1), "distiller": distiller, "top_k": 3}, replies=replies)

    assert not any("secret" in prompt for prompt in played.prompts.values())


@every_distiller
async def test_drafts_that_were_cut_off_are_read_and_marked(distiller: DistillerName):
    replies = {**long_replies(5), "draft": ("word " * 50, "Fine: \\boxed{7}")}

    played = await play(
        PDR, {"widths": (2, 1), "distiller": distiller, "top_k": 2}, replies=replies, max_tokens=20
    )  # fmt: skip

    prompt = next(prompt for key, prompt in played.prompts.items() if not key.startswith("draft-"))
    assert prompt.count("(The text was cut off here.)") == 1


async def test_the_answer_is_the_last_draft_and_no_vote():
    replies = {"draft": ("\\boxed{5}",) * 3, "distill": ("All say 5.",), "refine": ("No: \\boxed{6}",)}

    played = await play(PDR, {"widths": (3, 1)}, replies=replies)

    assert played.answer is not None
    assert played.answer.answer == "6"


async def test_a_stopped_lane_gives_the_majority_of_its_last_full_round():
    replies = {
        "draft": ("\\boxed{4}", "\\boxed{0.5}", "\\boxed{1/2}"), "distill": ("Notes.",), "refine": ("\\boxed{9}",)
    }  # fmt: skip

    played = await Stage(PDR, {"widths": (3, 1)}, replies=replies, faults={"refine-1": CUT}).play()

    assert played.error is CUT
    assert played.lane.best is not None
    assert (played.lane.best.answer, played.lane.best.note) == ("0.5", "in 2 of 3 drafts of round 1")


# --- distillers -------------------------------------------------------------------------------------------------------


async def test_a_summary_is_read_by_every_draft():
    played = await play(PDR, {"widths": (4, 3, 1)})

    assert {played.prompts[f"refine-{number}"] for number in (1, 2, 3)} == {
        fill(REFINE, question=QUESTION, workspace="distill1 names [1, 1] and ends in \\boxed{1}.")
    }
    assert played.graph["refine-1"] == {"distill-1"}
    assert played.graph["distill-1"] == {"draft-1", "draft-2", "draft-3", "draft-4"}


async def test_an_empty_summary_is_noted_and_the_next_round_reads_the_bare_problem():
    replies = {**long_replies(5), "distill": ("",)}

    played = await play(PDR, {"widths": (2, 1)}, replies=replies)

    assert played.prompts["refine-1"] == fill(DRAFT, question=QUESTION)
    assert played.graph["refine-1"] == {"distill-1"}
    assert [note.text for note in played.all_of(NoteTaken)] == [
        "The notes are empty: the next round starts from the bare problem."
    ]


async def test_a_shared_selection_is_read_by_every_draft():
    played = await play(PDR, {"widths": (5, 4, 1), "distiller": "shared_topk", "top_k": 2})

    prompts = {played.prompts[f"refine-{number}"] for number in (1, 2, 3, 4)}
    assert len(prompts) == 1
    assert len(written_by("draft", prompts.pop())) == 2
    assert len(played.all_of(WorkspaceWritten)) == 2


async def test_a_selection_counts_in_the_order_it_was_shown():
    replies = {**long_replies(3), "select": ("The best: [3, 1]",)}

    played = await play(PDR, {"widths": (4, 1), "distiller": "shared_topk", "top_k": 2}, replies=replies)

    shown = re.findall(r"### Solution \d\n(draft\d)", played.prompts["select-1"])
    kept = re.findall(r"### Solution \d\n(draft\d)", played.prompts["refine-1"])
    assert kept == [shown[2], shown[0]]
    assert played.graph["refine-1"] == {"select-1", *(name.replace("draft", "draft-") for name in kept)}


async def test_each_draft_reads_its_own_selection():
    replies = {**long_replies(3), "select": ("[1]", "[1]", "[1]")}
    params = {"widths": (6, 3, 1), "distiller": "per_sample_topk", "top_k": 1}

    played = await play(PDR, params, replies={**replies, "select": ("[1]",) * 4})

    selected = [played.graph[f"refine-{number}"] for number in (1, 2, 3)]
    assert [{key for key in keys if key.startswith("select-")} for keys in selected] == [
        {"select-1"}, {"select-2"}, {"select-3"}
    ]  # fmt: skip
    assert len({played.prompts[f"select-{number}"] for number in (1, 2, 3)}) == 3  # each sees its own order


async def test_a_selection_that_cannot_be_read_is_drawn_by_chance_and_noted():
    replies = {**long_replies(3), "select": ("I like them all.",)}

    played = await play(PDR, {"widths": (5, 1), "distiller": "shared_topk", "top_k": 3}, replies=replies)

    assert len(written_by("draft", played.prompts["refine-1"])) == 3
    assert [note.text for note in played.all_of(NoteTaken)] == [
        "select-1 names 0 of 3 solutions; the rest is drawn by chance."
    ]


async def test_a_draft_whose_selection_fails_is_not_written():
    params = {"widths": (4, 3, 1), "distiller": "per_sample_topk"}

    played = await play(PDR, params, faults={"select-2": CUT})

    assert {key for key in played.graph if key.startswith("refine-")} == {"refine-1", "refine-2", "refine-3"}
    assert "select-1" in played.graph["refine-1"]
    assert "select-3" in played.graph["refine-2"]
    assert played.answer is not None


async def test_a_failed_draft_is_missing_from_the_workspace_only():
    played = await play(PDR, {"widths": (4, 1), "distiller": "identity"}, faults={"draft-2": CUT})

    assert played.graph["refine-1"] == {"draft-1", "draft-3", "draft-4"}


@given(drafts=st.integers(1, 8), top_k=st.integers(1, 6), seed=st.integers(0, 5))
@settings(max_examples=30)
async def test_random_subsets_are_distinct_members_repeatable_by_seed(drafts: int, top_k: int, seed: int):
    params = {"widths": (drafts, 4, 1), "distiller": "random_k", "top_k": top_k}

    played = await play(PDR, params, seed=seed)
    again = await play(PDR, params, seed=seed, arrival=1)

    for number in range(1, 5):
        shown = re.findall(r"### Solution \d+\ndraft(\d+)", played.prompts[f"refine-{number}"])
        assert len(shown) == len(set(shown)) == min(top_k, drafts)
    assert again.prompts == played.prompts


async def test_random_subsets_differ_between_drafts():
    played = await play(PDR, {"widths": (8, 6, 1), "distiller": "random_k", "top_k": 2})

    assert len({played.graph[f"refine-{number}"] for number in range(1, 7)}) > 1


@pytest.mark.parametrize("distiller", ["shared_topk", "per_sample_topk", "random_k"])
async def test_more_kept_than_written_keeps_all_once(distiller: DistillerName):
    played = await play(PDR, {"widths": (3, 1), "distiller": distiller, "top_k": 9}, replies=long_replies(5))

    shown = re.findall(r"### Solution \d+\n.*?draft(\d+)", played.prompts["refine-1"])
    assert sorted(shown) == ["1", "2", "3"]


# --- the two axes -----------------------------------------------------------------------------------------------------


@every_distiller
@given(widths=st.lists(st.integers(1, 4), max_size=3))
@settings(max_examples=15)
async def test_the_critical_path_is_all_only_without_width(distiller: DistillerName, widths: list[int]):
    played = await play(PDR, {"widths": (*widths, 1), "distiller": distiller})

    ledger = played.lane.ledger()
    assert ledger.critical_path_tokens <= ledger.total_tokens
    assert (ledger.critical_path_tokens == ledger.total_tokens) == (set(widths) <= {1})


@every_distiller
async def test_more_first_drafts_cost_tokens_but_no_depth(distiller: DistillerName):
    narrow = (await play(PDR, {"widths": (3, 2, 1), "distiller": distiller})).lane.ledger()
    wide = (await play(PDR, {"widths": (9, 2, 1), "distiller": distiller})).lane.ledger()

    assert wide.depth == narrow.depth
    assert wide.total_tokens > narrow.total_tokens


# --- parameters -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"widths": (8, 4)}, "The last width must be 1: its draft is the answer."),
        ({"widths": (200, 60, 1)}, "At most 256 drafts in all; these are 261."),
        ({"top_k": 16, "workspace_tokens": 639}, "So many solutions need a workspace of at least 640 tokens."),
    ],
)
def test_a_schedule_that_cannot_work_is_refused(params: dict[str, Any], message: str):
    with pytest.raises(ValidationError) as refused:
        Params(**params)

    assert [str(fault["ctx"]["error"]) for fault in refused.value.errors()] == [message]


@pytest.mark.parametrize("widths", [(), (0, 1), (-1, 1), (1,) * 9, ("a", 1), (1.5, 1)], ids=str)
def test_widths_are_one_to_eight_positive_numbers(widths: tuple[Any, ...]):
    with pytest.raises(ValidationError) as refused:
        Params(widths=widths)

    assert {fault["loc"][0] for fault in refused.value.errors()} == {"widths"}


def test_the_largest_schedules_are_accepted():
    assert sum(Params(widths=(255, 1)).widths) == 256
    assert Params(top_k=16, workspace_tokens=640).top_k == 16


def test_the_description_names_what_matters():
    assert PDR.describe(Params(widths=(8, 4, 1))) == "widths 8, 4, 1 · global summary · workspace 1,024"
