r"""A reasoner of known skill behind the `Model` protocol: what it gets right, and how often, is a number.

It reads what it is asked out of the call's role and prompt, as a real model does, and knows solutions by what stands in
their `\boxed{…}`. What it says depends on the trial and the call's key alone, never on who is faster.
"""

import random
import re
from collections.abc import AsyncGenerator, Callable, Sequence
from math import exp, log, log1p
from typing import NamedTuple

from workers.core.model import Chunk, Request, estimate_tokens
from workers.core.values import FinishReason, TokenOdds, Usage

ANSWERS = ("42", "17", "23", "57", "91")
"""The right answer, then wrong ones."""
ACCEPTED, REJECTED = 9, 2
"""Scores from 0 to 10 that a judge gives."""
STEPS = 3
"""Paragraphs of a solution; one of them, anywhere, is faulty in a wrong one."""
SOUND, FAULTY = "It follows.", "It seems."
NO_ERROR = "No error found."
HELPFUL, USELESS = "A harbor lies there.", "Few deserts are wet."
"""Texts; who has read the former makes half as many mistakes."""
SURE, UNSURE = 6.0, 4.0
"""Confidence of all words of a draft, in nats."""
MUSINGS = "Hm. " * 40
"""What a draft whose words are measured begins with."""
TURNING_POINT = 0.8
"""The temperature at which drafts are best; at others they are as without steps."""
ENTROPY_LOGITS = {0.2: 1.113, 0.4: 1.894, 0.6: 2.539, 0.8: 3.093, 1.0: 2.934, 1.2: 0.461}
"""By temperature, what two alternatives are apart: their entropies are 0.025, 0.05, 0.075, 0.1, 0.2 and 0.675."""

_BOX = re.compile(r"\\boxed\{(\d+)\}")


class Skill(NamedTuple):
    """How well the reasoner does what is not drafting; all but `leaning` are probabilities."""

    keep: float = 0.9
    """A right solution is rewritten into a right one."""
    mend: float = 0.3
    """A wrong solution is rewritten into a right one; otherwise it keeps its answer."""
    accept: float = 0.8
    """A judge calls right what is right."""
    fooled: float = 0.3
    """A judge calls right what is wrong."""
    prefer: float = 0.75
    """A judge of several prefers a right one to a wrong one."""
    leaning: float = 3
    """Who reads several solutions follows a right one so many times as readily as a wrong one."""
    step: float = 0.6
    """A next step is sound, after steps that are."""
    alike: float = 0.95
    """A judge of two beginnings is right about whether they will end alike."""


def strengthen(shares: Sequence[float]) -> tuple[float, ...]:
    """Return the shares of the large model: it makes half as many mistakes of each kind."""
    wrong = [share / 2 for share in shares[1:]]
    return (1 - sum(wrong), *wrong)


def hurry(shares: Sequence[float]) -> tuple[float, ...]:
    """Return the shares of drafts without steps: right less often, but their mistakes differ more."""
    right = 0.8 * shares[0]
    return (right, *[(1 - right) / (len(shares) - 1)] * (len(shares) - 1))


class Reasoner:
    """Works on one problem, whose answers it finds with the given shares; what is missing from 1 gives no answer."""

    def __init__(self, shares: Sequence[float], skill: Skill, trial: str) -> None:
        self.completion_tokens = 0
        """Those of calls that were ended early as far as they were written."""
        self.drafts = 0
        self.whole_drafts = 0
        """Their tokens, had all been written to the end."""
        self._shares = shares
        self._skill = skill
        self._trial = trial

    async def stream(self, request: Request) -> AsyncGenerator[Chunk, None]:
        if request.role in ("block", "check"):
            yield self._write_tokens(request)
            return
        if request.scored:
            yield Chunk(odds=(TokenOdds(request.scored, self._weigh_path(request)),), finish_reason="stop")
            return
        chance = random.Random(f"{self._trial}/{request.key}")
        text = self._say(request, chance)
        if request.top_logprobs is not None and request.role == "draft":
            text = MUSINGS + text
        pieces = re.findall(r"\s*\S+", text) if request.top_logprobs is not None else [text]
        odds = self._weigh(request, text, chance)
        size = sum(estimate_tokens(piece) for piece in pieces)
        if request.role in ("draft", "prefix") and not request.continues:
            self.drafts += 1
            self.whole_drafts += size + self._unwritten
        for piece in pieces:
            written = estimate_tokens(piece)
            self.completion_tokens += written
            measured = (TokenOdds(piece, *odds),) if request.top_logprobs is not None else ()
            yield Chunk(text=piece, tokens=written, odds=measured)
        prompt = sum(estimate_tokens(message.content) for message in request.messages)
        reason: FinishReason = "length" if self._unwritten else "stop"
        written = request.max_tokens if self._unwritten else size
        yield Chunk(finish_reason=reason, usage=Usage(prompt_tokens=prompt, completion_tokens=written))

    async def count_tokens(self, text: str) -> int:
        return estimate_tokens(text)

    def _weigh(self, request: Request, text: str, chance: random.Random) -> tuple[float, tuple[tuple[str, float], ...]]:
        """Return the log-probability of each token and its alternatives: surer where a judge would accept the text."""
        if request.top_p == 1:  # a sweep of temperatures
            logit = ENTROPY_LOGITS[round(request.temperature, 1)]
            sure = -log1p(exp(-logit))
            return sure, (("word", sure), ("other", sure - logit))
        if text in ("0", "1"):
            return log(0.9), ((text, log(0.9)), ("1" if text == "0" else "0", log(0.1)))
        answers = _BOX.findall(text)
        sureness = SURE if answers and self._accepts(answers[-1], chance) else UNSURE
        return -sureness, (("word", -sureness),)

    def _write_tokens(self, request: Request) -> Chunk:
        """Write, or weigh, a box: all its tokens are certain but for the answer, drawn by the model's own shares."""
        shares = strengthen(self._shares) if request.role == "check" else self._shares
        text, begun = request.scored, request.messages[-1].content if request.continues else ""
        if request.role == "block" and not begun.endswith("}"):
            chance = random.Random(f"{self._trial}/{request.key}")
            answer = chance.choices(ANSWERS[: len(shares)], weights=shares)[0]
            text = "}" if begun else f"\\boxed{{{answer}}}"
        spread = tuple((answer, log(share)) for answer, share in zip(ANSWERS, shares, strict=False))
        tokens = re.findall(r"\\boxed\{|\d+|\}", text)
        odds = tuple(
            TokenOdds(token, dict(spread)[token], spread) if token.isdigit() else TokenOdds(token, 0.0, ((token, 0.0),))
            for token in tokens
        )
        written = "" if request.scored else text
        usage = Usage(prompt_tokens=10, completion_tokens=len(tokens) if written else 0)
        return Chunk(text=written, tokens=usage.completion_tokens, odds=odds, finish_reason="stop", usage=usage)

    def _weigh_path(self, request: Request) -> float:
        """Return how likely steps are: with the question more so, most of all where they seem to lead somewhere."""
        if not request.messages:
            return -10.0
        chance = random.Random(f"{self._trial}/{request.key}")
        rate = self._skill.fooled if FAULTY in request.scored else self._skill.accept
        level = request.scored.count(SOUND) + request.scored.count(FAULTY)
        return -10.0 + level * (1.0 if chance.random() < rate else 0.2)

    def _say(self, request: Request, chance: random.Random) -> str:
        self._request, self._unwritten = request, 0
        prompt = "\n".join(message.content for message in request.messages)
        for role, cue, act in ACTS:
            if request.role == role and cue in prompt:
                return act(self, prompt, chance)
        raise AssertionError(f"The reasoner does not know what '{request.key}' wants: … {prompt[-400:]}")

    # --- solving ----------------------------------------------------------------------------------------------

    def draft(self, prompt: str, chance: random.Random) -> str:
        shares = strengthen(self._shares) if self._request.model == "large" else self._shares
        is_off = self._request.top_p == 1 and self._request.temperature != TURNING_POINT
        return self._draft(hurry(shares) if is_off else shares, chance)

    def describe_text(self, prompt: str, chance: random.Random) -> str:
        """Name a text to search for, that which helps as often as a judge accepts what is right."""
        return HELPFUL if chance.random() < self._skill.accept else USELESS

    def read(self, prompt: str, chance: random.Random) -> str:
        return self._draft(strengthen(self._shares) if HELPFUL in prompt else self._shares, chance)

    def stop(self, prompt: str, chance: random.Random) -> str:
        """Write nothing more after a box."""
        return ""

    def begin(self, prompt: str, chance: random.Random) -> str:
        """Write the first words of a draft, from which its answer can be guessed."""
        answer = chance.choices(ANSWERS[: len(self._shares)], weights=self._shares)[0]
        self._unwritten = estimate_tokens(MUSINGS + _write_solution(answer, chance))
        return f"A way to {answer} ({chance.random():.6f})"

    def go_on(self, prompt: str, chance: random.Random) -> str:
        found = re.findall(r"A way to (\d+)", self._request.messages[-1].content)
        return MUSINGS + _write_solution(found[-1], chance)

    def foresee_alike(self, prompt: str, chance: random.Random) -> str:
        one, other = re.findall(r"A way to (\d+)", prompt)
        return str(int((one == other) == (chance.random() < self._skill.alike)))

    def hurry(self, prompt: str, chance: random.Random) -> str:
        return self._draft(hurry(self._shares), chance)

    def _draft(self, shares: Sequence[float], chance: random.Random) -> str:
        answers = [*ANSWERS[: len(shares)], None]
        answer = chance.choices(answers, weights=[*shares, max(0, 1 - sum(shares))])[0]
        return _write_solution(answer, chance) if answer else "I am not sure."

    def step(self, prompt: str, chance: random.Random) -> str:
        is_sound = FAULTY not in prompt and chance.random() < self._skill.step
        return f"{SOUND if is_sound else FAULTY} ({chance.random()})"

    def numbered_step(self, prompt: str, chance: random.Random) -> str:
        """Write the next step of a begun solution; the last one ends in an answer, right after sound steps alone."""
        number = prompt.count(SOUND) + prompt.count(FAULTY) + 1
        text = (" " if self._request.continues else "Step 1: ") + self.step(prompt, chance)
        answer = ANSWERS[0] if FAULTY not in prompt + text else self._change(ANSWERS[0], chance)
        return f"{text} So \\boxed{{{answer}}}." if number == STEPS else text

    def propose(self, prompt: str, chance: random.Random) -> str:
        return f"STEP {self.step(prompt, chance)}"

    def propose_answer(self, prompt: str, chance: random.Random) -> str:
        is_right = FAULTY not in prompt and chance.random() < self._skill.step
        return f"ANSWER \\boxed{{{ANSWERS[0] if is_right else self._change(ANSWERS[0], chance)}}}"

    def pick_proposal(self, prompt: str, chance: random.Random) -> str:
        """Prefer what leads to the right answer."""
        shown = re.findall(r"--- proposal \d+ begins.*?---\n(.*?)\n--- proposal", prompt, re.S)
        return self._pick([_BOX.findall(each) == [ANSWERS[0]] or SOUND in each for each in shown], chance)

    def think(self, prompt: str, chance: random.Random) -> str:
        """Find an answer; when made to think on, think again about the last one."""
        answers = _BOX.findall(prompt)
        return self._rewrite(answers[-1:], chance) if answers else self._draft(self._shares, chance)

    def conclude(self, prompt: str, chance: random.Random) -> str:
        return f"So \\boxed{{{_BOX.findall(prompt)[-1]}}}."

    def spawn(self, prompt: str, chance: random.Random) -> str:
        """Hand the problem to helpers, then follow one of them."""
        if not self._request.continues:
            return '<spawn>["Solve it.", "Solve it too.", "Do the same."]'
        found = re.findall(r"^\d: (\d+)$", self._request.messages[-1].content, re.M)
        return f"So \\boxed{{{self._follow(found, chance)}}}."

    def join(self, prompt: str, chance: random.Random) -> str:
        return f"<join>{_BOX.findall(self._draft(self._shares, chance))[-1]}"

    def finish(self, prompt: str, chance: random.Random) -> str:
        """End sound steps rightly, or mend what is faulty."""
        is_right = chance.random() < (self._skill.mend if FAULTY in prompt else self._skill.keep)
        return _write_solution(ANSWERS[0] if is_right else self._change(ANSWERS[0], chance), chance)

    def rewrite(self, prompt: str, chance: random.Random) -> str:
        """Read solutions, follow one of them, and keep it right or mend it."""
        return self._rewrite(_BOX.findall(prompt), chance)

    def rewrite_criticized(self, prompt: str, chance: random.Random) -> str:
        """Keep what the critic finds no error in; else start from the solution again."""
        answers = _BOX.findall(prompt)
        return _write_solution(answers[-1], chance) if NO_ERROR in prompt else self._rewrite(answers, chance)

    def _rewrite(self, answers: Sequence[str], chance: random.Random) -> str:
        followed = self._follow(answers, chance)
        stays = chance.random() < (self._skill.keep if followed == ANSWERS[0] else 1 - self._skill.mend)
        return _write_solution(followed if stays else self._change(followed, chance), chance)

    def _follow(self, answers: Sequence[str], chance: random.Random) -> str:
        weights = [self._skill.leaning if answer == ANSWERS[0] else 1 for answer in answers]
        return chance.choices(answers, weights=weights)[0]

    def _change(self, answer: str, chance: random.Random) -> str:
        """Return the right answer instead of a wrong one, or a wrong one, by the shares, instead of the right one."""
        if answer != ANSWERS[0]:
            return ANSWERS[0]
        return chance.choices(ANSWERS[1 : len(self._shares)], weights=self._shares[1:])[0]

    def distill(self, prompt: str, chance: random.Random) -> str:
        return f"All in all, the solutions speak for \\boxed{{{self._follow(_BOX.findall(prompt), chance)}}}."

    def select(self, prompt: str, chance: random.Random) -> str:
        """Name what seems right first, then the rest."""
        marks = [self._accepts(answer, chance) for answer in _BOX.findall(prompt)]
        ranked = sorted(range(len(marks)), key=lambda place: not marks[place])
        return str([place + 1 for place in ranked])

    def criticize(self, prompt: str, chance: random.Random) -> str:
        return NO_ERROR if self._accepts(_BOX.findall(prompt)[-1], chance) else "The second step has no reason."

    # --- judging ----------------------------------------------------------------------------------------------

    def _accepts(self, answer: str, chance: random.Random) -> bool:
        return chance.random() < (self._skill.accept if answer == ANSWERS[0] else self._skill.fooled)

    def verify(self, prompt: str, chance: random.Random) -> str:
        return f"Verdict: {int(self._accepts(_BOX.findall(prompt)[-1], chance))}"

    def score(self, prompt: str, chance: random.Random) -> str:
        return f"Verdict: {ACCEPTED if self._accepts(_BOX.findall(prompt)[-1], chance) else REJECTED}"

    def foresee(self, prompt: str, chance: random.Random) -> str:
        """Say whether steps lead to the right answer."""
        rate = self._skill.fooled if FAULTY in prompt else self._skill.accept
        return f"Verdict: {2 if chance.random() < rate else 0}"

    def score_begun(self, prompt: str, chance: random.Random) -> str:
        rate = self._skill.fooled if FAULTY in prompt else self._skill.accept
        return f"Verdict: {ACCEPTED if chance.random() < rate else REJECTED}"

    def label(self, prompt: str, chance: random.Random) -> str:
        return "Verdict: " + ", ".join(str(int(self._accepts(answer, chance))) for answer in _BOX.findall(prompt))

    def evaluate(self, prompt: str, chance: random.Random) -> str:
        marks = [self._accepts(answer, chance) for answer in _BOX.findall(prompt)]
        return "Verdict: " + ", ".join(str(ACCEPTED if mark else REJECTED) for mark in marks)

    def verify_step(self, prompt: str, chance: random.Random) -> str:
        """Look at the last step alone."""
        shown = max(prompt.rfind(SOUND), prompt.rfind(FAULTY))
        rate = self._skill.accept if prompt.startswith(SOUND, shown) else self._skill.fooled
        return f"Verdict: {int(chance.random() < rate)}"

    def pick(self, prompt: str, chance: random.Random) -> str:
        """Prefer a right one; of several, or among wrong ones, any."""
        return self._pick([answer == ANSWERS[0] for answer in _BOX.findall(prompt)], chance)

    def _pick(self, marks: Sequence[bool], chance: random.Random) -> str:
        right = [place for place, mark in enumerate(marks, 1) if mark]
        wrong = [place for place, mark in enumerate(marks, 1) if not mark]
        chosen = right if right and (not wrong or chance.random() < self._skill.prefer) else wrong
        return f"Verdict: {chance.choice(chosen)}"


def _write_solution(answer: str, chance: random.Random) -> str:
    steps = [SOUND] * STEPS
    if answer != ANSWERS[0]:
        steps[chance.randrange(STEPS)] = FAULTY
    return "\n\n".join(steps) + f" So \\boxed{{{answer}}}. ({chance.random()})"  # no two texts are the same


ACTS: Sequence[tuple[str, str, Callable[[Reasoner, str, random.Random], str]]] = [
    ("draft", "A way to", Reasoner.go_on),
    ("write", "Solve the problem step by step.", Reasoner.stop),
    ("rewrite", "Texts that may help are to be found by a search.", Reasoner.describe_text),
    ("draft", "Say which of them you rely on.", Reasoner.read),
    ("prefix", "Solve the problem step by step.", Reasoner.begin),
    ("judge", "Will both come to the same final answer?", Reasoner.foresee_alike),
    ("draft", "Solve the problem step by step.", Reasoner.draft),
    ("step", "Propose what to do next", Reasoner.propose),
    ("step", "This is the last action.", Reasoner.propose_answer),
    ("judge", "N is the number of the best proposal", Reasoner.pick_proposal),
    ("draft", "First think, between <think> and </think>", Reasoner.conclude),
    ("think", "First think, between <think> and </think>", Reasoner.think),
    ("parent", "You may hand parts of the work to helpers", Reasoner.spawn),
    ("child", "This is one part of a larger problem.", Reasoner.join),
    ("step", "Write each step as one paragraph that begins with `Step`", Reasoner.numbered_step),
    ("draft", "Write nothing but the final answer", Reasoner.hurry),
    ("step", "Write the next step of a solution, and nothing else", Reasoner.step),
    ("draft", "Write the full solution, going on from these steps.", Reasoner.finish),
    ("refine", "First be the critic", Reasoner.rewrite),
    ("refine", "Correct the errors that are really there.", Reasoner.rewrite_criticized),
    ("refine", "Check every step of your previous solution", Reasoner.rewrite),
    ("refine", "Write one solution that is better than each of these.", Reasoner.rewrite),
    ("refine", "Check these notes before you trust them.", Reasoner.rewrite),
    ("distill", "Write notes of at most", Reasoner.distill),
    ("select", "Write only their numbers, best first", Reasoner.select),
    ("critique", "List the errors and gaps", Reasoner.criticize),
    ("judge", "from 0 (certainly wrong) to 10 (certainly right)", Reasoner.score),
    ("judge", "Is every step so far right, and does it lead to the right answer?", Reasoner.score_begun),
    ("judge", "`Verdict: 2` if it surely leads to the right answer", Reasoner.foresee),
    ("judge", "Judge its last step alone", Reasoner.verify_step),
    ("judge", "`Verdict: 1` if the final answer is right", Reasoner.verify),
    ("judge", "`Verdict: A, B`", Reasoner.label),
    ("judge", "`Verdict: S1, S2, …`", Reasoner.evaluate),
    ("judge", "N is the number of the best solution", Reasoner.pick),
    ("compare", "`Verdict: 1` if solution 1 is better", Reasoner.pick),
]
"""Role, words of the prompt, and what is done: the first that fits."""
