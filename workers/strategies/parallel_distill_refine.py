"""Draft in parallel, distill the drafts into a short workspace, and draft again from that alone.

Drafts written in parallel cost little time, but soon more than fits into a prompt. So each round condenses its drafts
to at most `workspace_tokens`, and the next round sees the problem and that text, nothing older: no prompt grows.

Procedure:
1. Round 1 writes widths[0] drafts of the bare problem, which cannot see each other.
2. Distill the solutions of this round, without the thinking that led to them, into workspaces for the next round:
   `global_summary`: one call writes notes on all of them; every draft of the next round reads the same notes.
   `shared_topk`: one call picks the `top_k` best; every draft reads these same solutions.
   `per_sample_topk`: a call for each draft of the next round picks `top_k`; every draft reads its own pick.
   `random_k`: every draft reads its own `top_k` solutions, drawn by chance; no call.
   `identity`: every draft reads all solutions, each cut to an equal share of the workspace; no call.
3. Repeat for every width. The last one is 1: its draft is the answer; there is no vote.

Cost: sum(widths) calls, and len(widths) - 1 more for global_summary and shared_topk, or sum(widths[1:]) more for
per_sample_topk. Depth: 2 * len(widths) - 1 calls, but len(widths) for random_k and identity.
Differs from the paper: the prompts are our own. `identity`, with which widths 1, …, 1 are Sequential Refinement, is
ours. Where a model does not think apart from its answer, the whole text counts as the solution. Solutions too long
for their share of a prompt keep their end.
Reported: AIME 2024, o3-mini, at 32k tokens in sequence: 85.2%, one-draft refinement 81.7%, one long call 79.2%.
Source: Madaan et al. 2025, arXiv:2510.01123.
"""

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, ValidationInfo, field_validator

from workers.core.lane import LiveLane
from workers.core.prompts import fill
from workers.core.strategy import Example, StrategyParams, strategy
from workers.core.values import Answer, Problem, Reply
from workers.strategies._prompts import DRAFT, draw, lay_out
from workers.strategies._selecting import ask_for_selections
from workers.strategies._votes import find_leader, form_blocs

REFINE = """\
Problem:
$question

Notes from earlier attempts, which may contain mistakes:

$workspace

Check these notes before you trust them. Correct or drop what is wrong; if everything looks wrong, start anew. Solve \
the problem step by step. At the end, write the final answer inside \\boxed{}.
"""

DISTILL = """\
Problem:
$question

Here are $count solutions to this problem, written independently of each other. Some may be wrong.

$solutions

Do not solve the problem yourself. Write notes of at most $words words for somebody who will solve it next:
- what the solutions agree on
- where they contradict each other, and which solution says what
- facts and intermediate results worth keeping
- what is still open, and what to do next
- each final answer, and how many solutions give it
Call nothing true without a reason.
"""

SELECT = """\
Problem:
$question

Here are $count solutions to this problem, written independently of each other. Some may be wrong.

$solutions

Which solutions are most likely correct and complete? Choose $top_k. Write only their numbers, best first, as a list \
in brackets such as [2, 1].
"""

MOST_DRAFTS = 256
TOKENS_PER_SOLUTION = 40  # in a workspace, its heading included; less of a solution says nothing
DistillerName = Literal["global_summary", "shared_topk", "per_sample_topk", "random_k", "identity"]


class Params(StrategyParams):
    """How many drafts in each round, and what goes from one to the next."""

    widths: tuple[Annotated[int, Field(ge=1, le=MOST_DRAFTS)], ...] = Field(
        (4, 2, 1), min_length=1, max_length=8, title="Drafts per round",
        description="First round to last; the last is 1, since its draft is the answer. At most 256 in all.",
    )  # fmt: skip
    distiller: DistillerName = Field(
        "global_summary", title="Distill by", description="How a round's drafts become the next round's workspace."
    )
    top_k: int = Field(
        2, ge=1, le=16, title="Solutions kept", description="Solutions in a workspace, for top-k and random-k."
    )
    workspace_tokens: int = Field(1024, ge=128, le=65_536, title="Workspace", description="Longest, in tokens.")
    reading_tokens: int = Field(
        4096, ge=128, le=131_072, title="Reading", description="Most tokens of solutions that a distilling call reads."
    )

    @field_validator("widths")
    @classmethod
    def _check_widths(cls, widths: tuple[int, ...]) -> tuple[int, ...]:
        if sum(widths) > MOST_DRAFTS:
            raise ValueError(f"At most {MOST_DRAFTS} drafts in all; these are {sum(widths):,}.")
        if widths[-1] != 1:
            raise ValueError("The last width must be 1: its draft is the answer.")
        return widths

    @field_validator("workspace_tokens")
    @classmethod
    def _check_shares(cls, tokens: int, info: ValidationInfo) -> int:
        if tokens < (least := info.data.get("top_k", 1) * TOKENS_PER_SOLUTION):
            raise ValueError(f"So many solutions need a workspace of at least {least} tokens.")
        return tokens


EXAMPLE = Example(
    question="What is 17 times 24?",
    params={"widths": (3, 2, 1)},
    replies={
        "draft": ("17 times 20 is 340, plus 4, \\boxed{344}.", "340 + 68 is \\boxed{408}.", "\\boxed{408}, I think."),
        "distill": ("Two of three say 408. The other adds 4 instead of 17 times 4.", "Both say 408 = 340 + 68."),
        "refine": ("17 times 4 is 68, so \\boxed{408}.", "340 + 68, so \\boxed{408}.", "It is \\boxed{408}."),
    },
    answer="408",
    calls=8,
    depth=5,
)


class Workspace(NamedTuple):
    """What one draft of the next round reads besides the problem."""

    text: str
    sources: tuple[Reply, ...]
    """The calls it comes from; none before round 1."""


class Batch(NamedTuple):
    """A round's drafts, to be distilled into `width` workspaces."""

    question: str
    drafts: list[Reply]
    width: int
    params: Params


def describe(params: Params) -> str:
    """Return the parameters in a few words."""
    widths, distiller = ", ".join(map(str, params.widths)), params.distiller.replace("_", " ")
    return f"widths {widths} · {distiller} · workspace {params.workspace_tokens:,}"


@strategy(
    title="Parallel-Distill-Refine",
    short="PDR",
    family="refine",
    source="arXiv:2510.01123",
    params=Params,
    example=EXAMPLE,
    describe=describe,
    wider=lambda size: {"widths": (size + 1, size // 2 + 1, 1)},
    deeper=lambda size: {"widths": (4, *[2] * (size - 1), 1)},
)
async def parallel_distill_refine(problem: Problem, lane: LiveLane, params: Params) -> Answer:
    """Draft, distill, and draft again, round after round."""
    distill = DISTILLERS[params.distiller]
    workspaces = [Workspace("", ())] * params.widths[0]
    for number, next_width in enumerate((*params.widths[1:], 0), start=1):
        async with lane.round(f"Round {number}"):
            drafts = await lane.gather([_ask_draft(lane, problem.question, workspace) for workspace in workspaces])
            await _offer_majority(lane, drafts, number)
            if next_width:
                workspaces = await distill(lane, Batch(problem.question, drafts, next_width, params))
    return Answer.from_reply(drafts[0])


def _ask_draft(lane: LiveLane, question: str, workspace: Workspace) -> Coroutine[Any, Any, Reply]:
    text, sources = workspace
    prompt = fill(REFINE, question=question, workspace=text) if text else fill(DRAFT, question=question)
    return lane.ask(prompt, role="refine" if sources else "draft", after=sources)


async def _offer_majority(lane: LiveLane, drafts: Sequence[Reply], number: int) -> None:
    """Offer what most drafts of the round say, in case the lane is stopped in a later round."""
    leader = find_leader(await form_blocs(drafts, lane.equal))
    if leader:
        note = f"in {len(leader.drafts)} of {len(drafts)} drafts of round {number}"
        lane.offer(Answer.from_reply(leader.drafts[0], note))


async def _summarize(lane: LiveLane, batch: Batch) -> list[Workspace]:
    """Write notes on all solutions, in an order that says nothing about them."""
    params, drafts = batch.params, draw(lane, batch.drafts, len(batch.drafts))
    prompt = fill(
        DISTILL, question=batch.question, count=len(drafts), words=params.workspace_tokens * 3 // 4,
        solutions=await lay_out(lane, drafts, params.reading_tokens),
    )  # fmt: skip
    # a model that thinks needs room for it; what it writes after that is cut to the limit below
    limit = None if any(draft.has_thought for draft in drafts) else params.workspace_tokens
    notes = await lane.ask(prompt, role="distill", after=batch.drafts, max_tokens=limit)
    text = await lane.write_workspace(notes.solution, limit=params.workspace_tokens, after=notes)
    if not text:
        lane.note("The notes are empty: the next round starts from the bare problem.")
    return [Workspace(text, (notes,))] * batch.width


async def _pick_for_all(lane: LiveLane, batch: Batch) -> list[Workspace]:
    """Let one call pick solutions for the whole next round."""
    return await _pick_for_each(lane, batch._replace(width=1)) * batch.width


async def _pick_for_each(lane: LiveLane, batch: Batch) -> list[Workspace]:
    """Let a call for each draft of the next round pick its solutions; if it fails, that draft is not written."""
    kept = min(batch.params.top_k, len(batch.drafts))
    orders = [draw(lane, batch.drafts, len(batch.drafts)) for _ in range(batch.width)]
    shown = [await lay_out(lane, order, batch.params.reading_tokens) for order in orders]
    prompts = [fill(SELECT, question=batch.question, count=len(batch.drafts), top_k=kept, solutions=s) for s in shown]
    selections = await ask_for_selections(lane, prompts, orders, limit=kept)
    return [await _extract(lane, batch, chosen, selection) for selection, chosen in selections]


async def _draw(lane: LiveLane, batch: Batch) -> list[Workspace]:
    """Draw solutions by chance, anew for each draft of the next round."""
    kept = min(batch.params.top_k, len(batch.drafts))
    draws = [draw(lane, batch.drafts, len(batch.drafts))[:kept] for _ in range(batch.width)]
    return [await _extract(lane, batch, drawn) for drawn in draws]


async def _keep_all(lane: LiveLane, batch: Batch) -> list[Workspace]:
    """Pass all solutions on, in order of call."""
    return [await _extract(lane, batch, batch.drafts)] * batch.width


DISTILLERS: dict[DistillerName, Callable[[LiveLane, Batch], Awaitable[list[Workspace]]]] = {
    "global_summary": _summarize,
    "shared_topk": _pick_for_all,
    "per_sample_topk": _pick_for_each,
    "random_k": _draw,
    "identity": _keep_all,
}


async def _extract(lane: LiveLane, batch: Batch, chosen: Sequence[Reply], *selectors: Reply) -> Workspace:
    """Write a workspace that holds solutions themselves."""
    limit, sources = batch.params.workspace_tokens, (*chosen, *selectors)
    solutions = await lay_out(lane, chosen, limit)
    return Workspace(await lane.write_workspace(solutions, limit=limit, after=sources), sources)
