"""Begin many solutions, and finish only those that a judge does not take for repetitions.

Most of many solutions end in the same answer, and are written to their end for nothing. So write only how each begins,
let a judge say of pairs whether they head for the same answer, and finish a few of the largest group. That group may
be wrong, and what stands outside of it is lost; a judge that was not trained for this is little better than chance.

Procedure:
1. Write `traces` solutions, all at once, but each no further than it must be: by `words`, until `words` words that turn
   an argument, such as `but` or `therefore`, have been written and their sentence has ended; or by `tokens`. No trace
   goes beyond `prefix_tokens`. One that ends by itself before that is complete.
2. Take them in order of call. Compare each with `compared` members of every cluster, drawn by chance: the judge's
   probability that both end in the same answer, the mean for each cluster. If the highest is above `threshold`, the
   trace joins that cluster; else it opens one, if there are less than `clusters`, and joins the nearest if not. Two
   complete traces are compared by their answers, without a judge.
3. Go on with `finished` traces of the largest cluster, drawn by chance; if every cluster holds one trace, with
   `fallback` of all traces; by `representatives`, with the first of every cluster. The rest is never finished.
4. The finished traces vote.

Cost: traces + judgments + finished calls; trace number i has at most min(i - 1, clusters) * compared judgments, of one
token each. Depth: at most traces + 1 calls: to begin, judges for each trace but the first, to finish.
Differs from the paper: the judge is the model itself, untrained. The list of words, the judge's prompt, and the numbers
of clusters and of traces finished are not published. The judge answers with one token, so it must not think first.
Reported: Qwen3-32B, 512 traces, the plain vote and pruned: AIME 2024 86.7% and 90.0% with 13% of the tokens, AIME 2025
80.0% and 90.0% with 9%, GPQA 70.7% and 70.2% with 14%.
Source: Tu et al. 2025, arXiv:2510.08483.
"""

from collections.abc import Sequence
from statistics import fmean
from typing import Literal

from pydantic import Field

from workers.core.answers import extract_answer
from workers.core.lane import LiveLane
from workers.core.prompts import fill
from workers.core.strategy import Example, StrategyParams, grow, strategy
from workers.core.values import Answer, Problem, Reply, Writing
from workers.strategies._beginnings import SAME, Trace, compare, find_cut
from workers.strategies._prompts import DRAFT
from workers.strategies._votes import Ballot


class Params(StrategyParams):
    """How many traces begin, how they are compared, and how many end."""

    traces: int = Field(8, ge=2, le=512, title="Traces", description="Solutions that are begun.")
    prefix: Literal["words", "tokens"] = Field(
        "words", title="Begin by", description="How far each is written: words that turn an argument, or tokens."
    )
    words: int = Field(25, ge=1, le=200, title="Words", description="Turns of the argument after which a trace stops.")
    prefix_tokens: int = Field(
        256, ge=8, le=8192, title="Longest beginning", description="Tokens after which a trace stops in any case."
    )
    threshold: float = Field(
        0.5, ge=0, le=1, title="Threshold", description="Probability above which two traces are taken for the same."
    )
    compared: int = Field(3, ge=1, le=32, title="Compared", description="Members of each cluster that are compared.")
    clusters: int = Field(32, ge=1, le=128, title="Clusters", description="Most clusters.")
    final: Literal["largest", "representatives"] = Field(
        "largest", title="Finish", description="Traces of the largest cluster, or one of each cluster."
    )
    finished: int = Field(5, ge=1, le=64, title="Finished", description="Traces of the largest cluster that go on.")
    fallback: int = Field(5, ge=1, le=64, title="Fallback", description="Traces that go on if no two are alike.")


EXAMPLE = Example(
    question="What is 17 times 24?",
    params={"traces": 3, "words": 1, "prefix_tokens": 64, "finished": 2, "fallback": 2, "compared": 1},
    replies={
        "prefix": (
            "17 times 20 is 340, so 17 times 4 is left. That is 68, and 340 + 68 is \\boxed{408}.",
            "24 is 20 + 4, so there are two parts. The first is 340, the other 68, and both are \\boxed{408}.",
            "17 is almost 20, so begin with 480. Two times 24 too many, that leaves \\boxed{432}.",
        ),
        "judge": ("1", "0"),
        "draft": (" That is 68, in all \\boxed{408}.", " 340 and 68 are \\boxed{408}."),
    },
    answer="408",
    calls=7,
    depth=4,
)


def describe(params: Params) -> str:
    """Return the parameters in a few words."""
    words = f"{params.words} word{'s' if params.words > 1 else ''}"
    start = words if params.prefix == "words" else f"{params.prefix_tokens:,} tokens"
    end = f"{params.finished} finished" if params.final == "largest" else "one of each cluster"
    most = f" · at most {params.clusters} clusters" if params.clusters < min(32, params.traces) else ""
    return f"{params.traces} traces · {start} · threshold {params.threshold:g}{most} · {end}"


@strategy(
    title="DeepPrune",
    short="DPrune",
    family="vote",
    source="arXiv:2510.08483",
    params=Params,
    example=EXAMPLE,
    describe=describe,
    needs=frozenset({"logprobs", "continuing"}),
    models={"judge": "Says whether two beginnings head for the same answer."},
    wider=grow("traces"),
)
async def deep_prune(problem: Problem, lane: LiveLane, params: Params) -> Answer:
    """Begin, cluster, and finish what the largest cluster needs."""
    prompt = fill(DRAFT, question=problem.question)
    clusters, judges, waited = list[list[Trace]](), list[Reply](), list[Reply]()
    async with lane.round("Begin"):
        traces = await _begin(lane, prompt, params)
    first = next((trace for trace in traces if trace.call.answer), traces[0])
    lane.offer(Answer.from_reply(first.call, "" if first.is_complete else "unfinished"))
    async with lane.round("Cluster"):
        for trace in traces:
            draws = [_draw(lane, cluster, params.compared) for cluster in clusters]
            likeness, heard = await compare(
                lane, SAME, question=problem.question, trace=trace, draws=draws, waited=waited
            )
            judges, waited = judges + heard, heard or waited
            _join(clusters, trace, likeness, params)
            lane.chart("Clusters", len(clusters), seen=sum(map(len, clusters)))
    chosen = _choose(lane, traces, clusters, params)
    _show(lane, clusters, chosen)
    ballot = Ballot(lane, expected=len(chosen))
    async with lane.round("Finish"):
        drafts = await lane.gather([_finish(lane, prompt, trace, waited) for trace in chosen], each=ballot.cast)
    _tell_saving(lane, traces, chosen, drafts, judges)
    return ballot.winner()


async def _begin(lane: LiveLane, prompt: str, params: Params) -> list[Trace]:
    """Write how each solution begins."""

    def has_turned(writing: Writing) -> bool:
        return params.prefix == "words" and find_cut(writing.text, params.words) is not None

    replies = await lane.ask_many(
        prompt, times=params.traces, role="prefix", max_tokens=params.prefix_tokens, until=has_turned
    )
    traces = []
    for reply in replies:
        is_complete = reply.finish_reason == "stop" and reply.usage.completion_tokens < params.prefix_tokens
        cut = find_cut(reply.text, params.words) if reply.is_pruned else None
        text = f"<think>\n{reply.thinking}" if reply.thinking and not reply.text else reply.text[:cut]
        call = reply._replace(answer=extract_answer(reply.text) if is_complete else None)
        traces.append(Trace(reply.key, call, text, is_complete))
    return traces


def _draw(lane: LiveLane, cluster: Sequence[Trace], size: int) -> list[Trace]:
    places = lane.random.sample(range(len(cluster)), min(size, len(cluster)))
    return [cluster[place] for place in sorted(places)]


def _join(clusters: list[list[Trace]], trace: Trace, likeness: Sequence[float], params: Params) -> None:
    """Put the trace into the likest cluster, of tied ones the first, or into one of its own."""
    best = max(range(len(clusters)), key=likeness.__getitem__, default=None)
    if best is not None and (likeness[best] > params.threshold or len(clusters) >= params.clusters):
        clusters[best].append(trace)
    else:
        clusters.append([trace])


def _choose(lane: LiveLane, traces: list[Trace], clusters: Sequence[list[Trace]], params: Params) -> list[Trace]:
    """Return the traces that are finished, in order of call."""
    if params.final == "representatives":
        return [cluster[0] for cluster in clusters]
    largest = max(clusters, key=len)  # the first of those
    if len(largest) > 1:
        return _draw(lane, largest, params.finished)
    lane.note("No two traces are alike: some of all go on.")
    return _draw(lane, traces, params.fallback)


def _show(lane: LiveLane, clusters: Sequence[Sequence[Trace]], chosen: Sequence[Trace]) -> None:
    for number, cluster in enumerate(clusters, start=1):
        for trace in cluster:
            lane.place(
                trace.name, calls=(trace.call,), group=f"cluster {number}",
                state="kept" if trace in chosen else "pruned",
            )  # fmt: skip


async def _finish(lane: LiveLane, prompt: str, trace: Trace, waited: Sequence[Reply]) -> Reply:
    """Return the whole draft."""
    if trace.is_complete:
        return trace.call
    rest = await lane.ask(prompt, role="draft", begun=trace.text, after=(trace.call, *waited))
    # a server with a reasoning parser takes the end of a thought out of the text, which then never ends
    text = trace.text + (f"{rest.thinking}</think>" if rest.thinking else "") + rest.text
    return rest._replace(text=text, answer=extract_answer(text))


def _tell_saving(  # what was begun, and what became of it
    lane: LiveLane, traces: Sequence[Trace], chosen: Sequence[Trace], drafts: Sequence[Reply], judges: Sequence[Reply]
) -> None:
    left = [trace for trace in traces if trace not in chosen and not trace.is_complete]
    rests = [draft.usage.completion_tokens for draft in drafts if draft.key.startswith("draft")]
    saved = round(len(left) * fmean(rests)) if rests else 0
    spent = sum(judge.usage.total_tokens for judge in judges)
    lane.note(
        f"{len(left)} of {len(traces)} traces were not finished: about {saved:,} tokens were not written. "
        f"The judge read and wrote {spent:,}."
    )
