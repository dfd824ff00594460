"""Let the model decide itself when to fork: children work on parts in parallel, and it goes on with their results.

A long search in one text is slow and soon fills the context. A text that may fork writes only what its children are to
do and what they found: their own searches never enter it, and cost the time of the longest only.

Procedure:
1. The parent thinks about the problem. It may write `<spawn>`, a list of tasks, `</spawn>`, and is stopped there.
   With `forced`, its text begins with `<spawn>` and an open list.
2. All children work in parallel, each on one task: a child reads that string and nothing else. It ends by saying what
   it found between `<join>` and `</join>`, or `none`. Children do not spawn.
3. When all have ended, their results are put into the parent's own text, in order of spawn, and the parent goes on from
   there. If it begins to make up results instead, it is stopped and told so, which counts as a spawn.
4. After `spawns` forks the parent is told that there are none left, and writes to its end. Its answer is the last one
   that it gives itself; nothing is voted on.
The answer to a Countdown puzzle is replayed strictly, for the reader: each number once, every operation checked.

Cost: 1 call, and for each fork 1 more and its children. Depth: 1 call and 2 more for each fork.
Differs from the paper: the paper trains a model on Countdown to fork; here any model is asked to, in a protocol of our
own, with an example. Small models seldom fork unless forced. The tokens of the parent's text count again in each call
that goes on from it; the paper counts them once.
Reported: Countdown, a context of 4k, trained: 83.4%, serial search 60.0%; below about 4k tokens in total it is worse.
Source: Pan et al. 2025, arXiv:2504.15466.
"""

from collections.abc import Sequence

from pydantic import Field

from workers.core.answers import drop_thinking, extract_answer
from workers.core.lane import LiveLane
from workers.core.prompts import fill
from workers.core.strategy import Example, StrategyParams, strategy
from workers.core.values import Answer, Problem, Reply
from workers.strategies import _spawning as marks
from workers.strategies._countdown import find_fault, read_puzzle
from workers.strategies._judging import attempt
from workers.strategies._prompts import DRAFT
from workers.strategies._spawning import read_join, read_tasks, write_results

PARENT = """\
Problem:
$question

Think step by step. You may hand parts of the work to helpers, who work at the same time: write <spawn>, then a JSON \
list with one task for each helper, then </spawn>, and stop. A helper knows nothing but its task, so say all that \
it needs. What the helpers find comes back between <results> and </results>; never write these yourself. You may do so \
$times times at most, with at most $children helpers each time. At the end, write the final answer inside \\boxed{}.

An example, for the problem of making 27 from 3, 4, 6 and 8, each used once:
Two beginnings look good: 8 - 6 = 2, and 8 - 4 = 4.
<spawn>["Make 27 from 2, 3 and 4, each used once, with + - * /.", "Make 27 from 3, 4 and 6, each used once, with + - * \
/."]</spawn>
<results>
1: none
2: 6 * 4 + 3
</results>
The second works, and its 4 is 8 - 4. The answer is \\boxed{6 * (8 - 4) + 3}.
"""

CHILD = """\
Problem:
$question

This is one part of a larger problem. Solve it step by step, in few words. At the end, write what you found, short and \
complete, between <join> and </join>; if you found nothing, write <join>none</join>.
"""


class Params(StrategyParams):
    """How often the model may fork, how widely, and how long a child may write."""

    spawns: int = Field(
        2, ge=0, le=4, title="Forks", description="Times that the parent may spawn; 0 is the direct strategy."
    )
    children: int = Field(4, ge=1, le=8, title="Children", description="Most children of one fork.")
    child_tokens: int = Field(1024, ge=16, le=65_536, title="Child", description="Longest text of a child, in tokens.")
    forced: bool = Field(
        default=False,
        title="Force a fork",
        description="Begin the parent's text with an open list of tasks: it has to fork once.",
    )


EXAMPLE = Example(
    question="Using all the numbers 9, 6, 4, 2, create an expression that equals 28.",
    params={"spawns": 1, "children": 2},
    replies={
        "parent": (
            'Two beginnings, 9 - 6 = 3 and 9 * 2 = 18. <spawn>["Make 28 from 3, 4, 2.", "Make 28 from 18, 6, 4."]'
            "</spawn>",
            "The second works, and its 18 is 9 * 2: \\boxed{9 * 2 + 6 + 4}.",
        ),
        "child-1.child": ("3 * 4 * 2 = 24, no. <join>none</join>",),
        "child-2.child": ("18 + 6 = 24, and 24 + 4 = 28. <join>18 + 6 + 4</join>",),
    },
    answer="9 * 2 + 6 + 4",
    calls=4,
    depth=3,
)


def describe(params: Params) -> str:
    """Return the parameters in a few words."""
    words = [f"at most {_say_forks(params.spawns)}", f"{params.children} children"]
    words += ["the first forced"] * (params.forced and params.spawns > 0)
    return " · ".join(words)


@strategy(
    title="Adaptive Parallel Reasoning",
    short="APR",
    family="threads",
    source="arXiv:2504.15466",
    params=Params,
    example=EXAMPLE,
    describe=describe,
    needs=frozenset({"continuing"}),
    wider=lambda size: {"children": size},
    deeper=lambda size: {"spawns": size},
)
async def adaptive_parallel_reasoning(problem: Problem, lane: LiveLane, params: Params) -> Answer:
    """Let the parent write; whenever it spawns, let children work, and go on with what they found."""
    if not params.spawns:
        return await _answer_directly(lane, problem.question)
    prompt = fill(PARENT, question=problem.question, times=params.spawns, children=params.children)
    begun = own = f'{marks.SPAWN}["' * params.forced  # its own words apart: a child's answer is not the parent's
    latest, children = list[Reply](), 0
    for fork in range(1, params.spawns + 2):
        stop = (marks.SPAWNED, marks.RESULTS) if fork <= params.spawns else ()
        async with lane.round(f"Parent, part {fork}"):
            part = await lane.ask(prompt, role="parent", begun=begun, stop=stop, after=latest)
        begun, own, latest = begun + part.text, own + part.text, [part]
        lane.offer(_find_answer(own, fork - 1, children))
        tasks = read_tasks(own)
        if not stop or part.is_truncated or (tasks is None and part.stopped_by != marks.RESULTS):
            break
        results = list[str]()
        if asked := (tasks or [])[: params.children]:
            async with lane.round(f"Children of fork {fork}"):
                replies = await _ask_children(lane, asked, part, params.child_tokens, children)
            results, children = [_read_result(reply) for reply in replies], children + len(asked)
            latest += [reply for reply in replies if reply]
        end = "\n" if tasks is None else f"{marks.SPAWNED}\n"
        own += end
        begun += end + write_results(results, _remark(lane, tasks, params.children, is_last=fork == params.spawns))
    answer = _find_answer(own, fork - 1, children)
    _replay(lane, problem.question, answer, part)
    return answer


async def _answer_directly(lane: LiveLane, question: str) -> Answer:
    async with lane.round("Answer"):
        return Answer.from_reply(await lane.ask(fill(DRAFT, question=question), role="draft"))


async def _ask_children(
    lane: LiveLane, tasks: Sequence[str], parent: Reply, limit: int, before: int
) -> list[Reply | None]:
    """Give each task to a child, all at the same time; `before` children worked earlier."""
    calls = [
        lane.ask(
            fill(CHILD, question=task), role="child", branch=f"child-{number}", stop=(marks.JOINED,), max_tokens=limit,
            after=parent,
        )
        for number, task in enumerate(tasks, before + 1)
    ]  # fmt: skip
    return await lane.gather([attempt(call) for call in calls])


def _read_result(child: Reply | None) -> str:
    return marks.NOTHING if child is None or child.is_truncated else read_join(child.text)


def _remark(lane: LiveLane, tasks: Sequence[str] | None, most: int, *, is_last: bool) -> str:
    """Return what the parent is told besides the results; the reader of the lane is told what it did wrong."""
    remarks = ["No helpers are left: go on alone."] * is_last
    if tasks is None:
        lane.note("The parent began to make up results; it was stopped, which counts as a fork.")
        remarks.insert(0, "No helper was asked. Never write results yourself.")
    elif not tasks:
        lane.note("The parent's tasks could not be read; this counts as a fork.")
        remarks.insert(0, "No task could be read: write them as a JSON list of strings.")
    elif len(tasks) > most:
        lane.note(f"Only {most} of {len(tasks)} tasks were given to children.")
        remarks.insert(0, f"Only the first {most} tasks were given to helpers.")
    return " ".join(remarks)


def _say_forks(number: int) -> str:
    return "1 fork" if number == 1 else f"{number} forks"


def _find_answer(own: str, forks: int, children: int) -> Answer:
    text = drop_thinking(own).strip()
    return Answer(text=text, answer=extract_answer(text), note=f"{_say_forks(forks)}, {children} children")


def _replay(lane: LiveLane, question: str, answer: Answer, last: Reply) -> None:
    """Tell the reader whether a Countdown solution holds."""
    if puzzle := read_puzzle(question):
        solution = answer.answer or ""
        lane.use("Countdown replay", solution, find_fault(puzzle, solution) or "It is right.", after=last)
