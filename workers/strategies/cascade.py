"""Let a small model answer, and ask a large one only where the small one is not sure.

Most questions of a mixed suite are easy, and a small model answers them as well as a large one, for a part of the
price. What decides is how well the small model's confidence tells its right answers from its wrong ones.

Procedure:
1. The small model writes a draft; for `agreement`, `samples` drafts, of which the answer of most counts.
2. Find how sure it is, by `confidence`:
   `agreement`: the share of its drafts that give this answer.
   `yes_no`: the share of `samples` answers "yes" when it is asked whether its own draft is right.
   `mean`, `sum`, `decile`, `lowest`: of the log-probabilities of the draft's tokens, the mean, the sum, the value that
      a tenth of them are below, or the lowest.
3. If that reaches `share`, or `logprob` for the last four, the small model's answer is given. If not, or if it has no
   answer, the large model solves the problem: from scratch, or with the small model's draft before it (`shows_draft`).
A recipe says which models are small and large; where it does not, both are the recipe's own.

Cost: samples calls for agreement, 1 + samples for yes_no, 1 for the others; 1 more when the large model is asked.
Depth: 1 call, 2 for yes_no; 1 more when the large model is asked.
Differs from the paper: this is the plain cascade that the paper starts from; its speculative cascades decide token by
token. Two models; no threshold is fitted to a calibration set, so choose it by the share of questions passed on.
Source: Narasimhan et al. 2024, arXiv:2405.19261, deferral of whole answers.
"""

from collections.abc import Awaitable, Callable
from statistics import fmean
from typing import Literal, NamedTuple

from pydantic import Field

from workers.core.lane import LiveLane
from workers.core.prompts import fill
from workers.core.strategy import Example, StrategyParams, grow, strategy
from workers.core.values import Answer, Measure, Odds, Problem, Reply
from workers.strategies._grading import OWN_WORDS
from workers.strategies._judging import VERIFY, ask_judge, quote, read_verdict, say_unread
from workers.strategies._prompts import DRAFT, show_solution
from workers.strategies._votes import Ballot, find_leader

REVISE = """\
Problem:
$question

A solution by somebody who was not sure of it:

$solution

Check it before you trust it; if it looks wrong, start anew. Write the full solution step by step. At the end, write \
the final answer inside \\boxed{}.
"""

Confidence = Literal["agreement", "yes_no", "mean", "sum", "decile", "lowest"]
READ: dict[Confidence, Callable[[Odds], float]] = {
    "mean": lambda odds: odds.mean_logprob,
    "sum": lambda odds: odds.sum_logprob,
    "decile": lambda odds: odds.decile_logprob,
    "lowest": lambda odds: odds.lowest_logprob,
}


class Params(StrategyParams):
    """When the small model's answer is good enough."""

    confidence: Confidence = Field(
        "agreement",
        title="Confidence",
        description="How sure the small model is; the last four need a server that gives log-probabilities.",
    )
    samples: int = Field(5, ge=1, le=64, title="Samples", description="Drafts that agree or not, or answers yes or no.")
    share: float = Field(
        0.6, ge=0, le=1, title="Enough agree", description="Least share, of drafts or of yes, to keep the answer."
    )
    logprob: float = Field(
        -0.35,
        ge=-100_000,
        le=0,
        title="Likely enough",
        description="Least log-probability to keep the answer, in nats.",
    )
    shows_draft: bool = Field(
        default=False, title="Show the draft", description="Let the large model read the draft that is not trusted."
    )


EXAMPLE = Example(
    question="What is 17 times 24?",
    params={"samples": 3, "share": 0.7},
    replies={
        "draft": (
            "340 + 4 is \\boxed{344}.",
            "340 + 68 is \\boxed{408}.",
            "About \\boxed{344}.",
            "17 times 20 is 340 and 17 times 4 is 68, so \\boxed{408}.",
        )
    },
    answer="408",
    calls=4,
    depth=2,
)


class Opinion(NamedTuple):
    """What the small model says, and how sure it is."""

    draft: Reply
    sureness: float
    """A share, or a log-probability."""
    calls: list[Reply]
    """Those that the next one waits for."""


def describe(params: Params) -> str:
    """Return the parameters in a few words."""
    bound = f"{params.logprob:g}" if params.confidence in READ else f"{params.share:.0%}"
    words = [f"{params.confidence.replace('_', ' or ')} at least {bound}"]
    words += [f"{params.samples} samples"] * (params.confidence not in READ)
    words += ["shows the draft"] * params.shows_draft
    return " · ".join(words)


@strategy(
    title="Cascade",
    short="Cascade",
    family="verify",
    source="arXiv:2405.19261",
    params=Params,
    example=EXAMPLE,
    describe=describe,
    needs=lambda params: frozenset({"logprobs"} if params.confidence in READ else ()),
    wider=grow("samples"),
    models={
        "small": "Answers first, and says how sure it is.",
        "large": "Answers what the small model is not sure of.",
    },
)
async def cascade(problem: Problem, lane: LiveLane, params: Params) -> Answer:
    """Ask the small model, and the large one if that is not sure."""
    find_opinion = ASKED.get(params.confidence, _read_odds)
    draft, sureness, calls = await find_opinion(lane, problem.question, params)
    bound = params.logprob if params.confidence in READ else params.share
    words = f"{params.confidence.replace('_', ' or ')} {sureness:.2f}" if draft.answer is not None else "no answer"
    if draft.answer is not None and sureness >= bound:
        return Answer.from_reply(draft, f"small model, {words}")
    lane.note(f"The large model is asked: {words}, where {bound:g} is enough.")
    async with lane.round("Large model"):
        prompt = fill(DRAFT, question=problem.question)
        if params.shows_draft:
            prompt = fill(REVISE, question=problem.question, solution=show_solution(draft))
        final = await lane.ask(prompt, role="refine" if params.shows_draft else "draft", model="large", after=calls)
    return Answer.from_reply(final, f"large model, since the small one had {words}")


async def _agree(lane: LiveLane, question: str, params: Params) -> Opinion:
    """Let drafts vote."""
    ballot = Ballot(lane, expected=params.samples)
    async with lane.round("Small model"):
        prompt = fill(DRAFT, question=question)
        drafts = await lane.ask_many(prompt, times=params.samples, role="draft", model="small", each=ballot.cast)
    leader = find_leader(ballot.blocs)
    if leader is None:
        return Opinion(drafts[0], 0, drafts)
    share = len(leader.drafts) / len(drafts)
    lane.score(leader.drafts[0], share, by="agreement")
    return Opinion(leader.drafts[0], share, drafts)


async def _ask_itself(lane: LiveLane, question: str, params: Params) -> Opinion:
    """Let the small model say, as often as there are samples, whether its draft is right."""
    draft = await _draft(lane, question)
    if draft.answer is None:
        return Opinion(draft, 0, [draft])
    async with lane.round("Right or wrong"):
        solutions = [quote(lane, [show_solution(draft)]) for _ in range(params.samples)]
        prompts = [fill(VERIFY, question=question, solution=solution) for solution in solutions]
        calls = [ask_judge(lane, prompt, role="judge", most=1, model="small", after=draft) for prompt in prompts]
        judges = [judge for judge in await lane.gather(calls) if judge]
    verdicts = {judge.key: verdict for judge in judges if (verdict := read_verdict(judge, most=1)) is not None}
    say_unread(lane, params.samples - len(verdicts), params.samples)
    for key, verdict in verdicts.items():
        lane.score(draft, verdict, by=key)
    return Opinion(draft, fmean(verdicts.values()) if verdicts else 0, judges or [draft])


async def _read_odds(lane: LiveLane, question: str, params: Params) -> Opinion:
    """Take the log-probabilities of one draft."""
    draft = await _draft(lane, question, OWN_WORDS)
    return Opinion(draft, READ[params.confidence](draft.measured), [draft])


async def _draft(lane: LiveLane, question: str, measure: Measure | None = None) -> Reply:
    async with lane.round("Small model"):
        draft = await lane.ask(fill(DRAFT, question=question), role="draft", model="small", measure=measure)
    if draft.answer is not None:
        lane.offer(Answer.from_reply(draft, "small model"))
    return draft


ASKED: dict[Confidence, Callable[[LiveLane, str, Params], Awaitable[Opinion]]] = {
    "agreement": _agree,
    "yes_no": _ask_itself,
}
