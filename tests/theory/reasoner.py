r"""A reasoner of known skill behind the `Model` protocol: what it gets right, and how often, is a number.

It reads what it is asked out of the call's role and prompt, as a real model does, and knows solutions by what stands in
their `\boxed{…}`. What it says depends on the trial and the call's key alone, never on who is faster.
"""

import asyncio
import random
import re
from collections.abc import AsyncGenerator, Callable, Sequence
from math import exp, log, log1p

from tests.theory.skill import (
    A_WAY,
    ACCEPTED,
    ANSWERS,
    BEGUN,
    ENTROPY_LOGITS,
    FAULTY,
    HELPFUL,
    NO_ERROR,
    REJECTED,
    SOUND,
    STEPS,
    STRETCH,
    STRETCHES,
    SURE,
    TRACE,
    TURNING_POINT,
    UNSURE,
    USELESS,
    VERDICT,
    Skill,
    hurry,
    strengthen,
    tell_logprob,
)  # fmt: skip
from workers.core.model import Chunk, Request, estimate_tokens
from workers.core.values import TokenOdds, Usage

Piece = tuple[str, int]
"""A part of a text, and its tokens."""

_BOX = re.compile(r"\\boxed\{(\d+)\}")


class Reasoner:
    """Works on one problem, whose answers it finds with the given shares; what is missing from 1 gives no answer."""

    def __init__(self, shares: Sequence[float], skill: Skill, trial: str) -> None:
        self.completion_tokens = 0
        """Those of calls that were ended early as far as they were written."""
        self.drafts = 0
        self.whole_drafts = 0
        """Their tokens, had all been written to the end."""
        self.large = 0
        """Drafts of the large model."""
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
        pieces = _cut(request, text)
        odds = self._weigh(request, text, pieces, chance) if request.top_logprobs is not None else [()] * len(pieces)
        whole = sum(size for _, size in pieces)
        if request.role in ("draft", "prefix") and not request.continues:
            self.drafts += 1
            self.whole_drafts += whole
            self.large += request.model == "large"
        room = request.max_tokens
        for (piece, size), measured in zip(pieces, odds, strict=True):
            if written := min(size, room):
                room -= written
                self.completion_tokens += written
                yield Chunk(text=piece, tokens=written, odds=measured)
            if len(pieces) > 1:
                await asyncio.sleep(0)  # drafts that are written at once grow side by side
        prompt = sum(estimate_tokens(message.content) for message in request.messages)
        usage = Usage(prompt_tokens=prompt, completion_tokens=min(whole, request.max_tokens))
        yield Chunk(finish_reason="length" if whole > request.max_tokens else "stop", usage=usage)

    async def count_tokens(self, text: str) -> int:
        return estimate_tokens(text)

    def _weigh(
        self, request: Request, text: str, pieces: Sequence[Piece], chance: random.Random
    ) -> list[tuple[TokenOdds, ...]]:
        """Return the log-probabilities of each piece: surer where a judge would accept the text."""
        if request.top_p == 1:  # a sweep of temperatures
            logit = ENTROPY_LOGITS[round(request.temperature, 1)]
            sure = -log1p(exp(-logit))
            return [(TokenOdds("word", sure, (("word", sure), ("other", sure - logit))),) * STRETCH] * len(pieces)
        if text in ("0", "1"):
            return [(_weigh_digit(text),)]
        if request.role == "judge":
            cue, digit = text.split()
            return [(TokenOdds(cue, 0.0), _weigh_digit(digit))]
        answers = _BOX.findall(text)
        sureness = SURE if answers and self._accepts(answers[-1], chance) else UNSURE
        levels = [sureness + self._skill.noise * chance.gauss() for _ in pieces]
        return [(TokenOdds("word", tell_logprob(level), (("word", -level),)),) * STRETCH for level in levels]

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
        self._request = request
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
        """Begin a draft with words from which its answer can be guessed."""
        answer = chance.choices(ANSWERS[: len(self._shares)], weights=self._shares)[0]
        return f"{A_WAY} {answer} ({chance.random():.6f}). But wait.\nAnd so on."

    def go_on(self, prompt: str, chance: random.Random) -> str:
        found = re.findall(rf"{A_WAY} (\d+)", self._request.messages[-1].content)
        return _write_solution(found[-1], chance)

    def foresee_alike(self, prompt: str, chance: random.Random) -> str:
        one, other = re.findall(rf"{A_WAY} (\d+)", prompt)
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

    def list_steps(self, prompt: str, chance: random.Random) -> str:
        count = int(re.findall(r"Write (\d+) different ways", prompt)[0])
        return "\n".join(f"{number}. {self.step(prompt, chance)}" for number in range(1, count + 1))

    def propose(self, prompt: str, chance: random.Random) -> str:
        return f"STEP {self.step(prompt, chance)}"

    def propose_answer(self, prompt: str, chance: random.Random) -> str:
        is_right = FAULTY not in prompt and chance.random() < self._skill.step
        return f"ANSWER \\boxed{{{ANSWERS[0] if is_right else self._change(ANSWERS[0], chance)}}}"

    def pick_proposal(self, prompt: str, chance: random.Random) -> str:
        """Prefer what leads to the right answer."""
        shown = re.findall(r"--- (?:proposal|beginning) \d+ begins.*?---\n(.*?)\n--- ", prompt, re.S)
        return self._pick(
            [_BOX.findall(each) == [ANSWERS[0]] or (SOUND in each and FAULTY not in each) for each in shown], chance
        )

    def think(self, prompt: str, chance: random.Random) -> str:
        """Find an answer, or think again about the last one."""
        answers = _BOX.findall(prompt)
        return self._rewrite(answers[-1:], chance) if answers else self._draft(self._shares, chance)

    def conclude(self, prompt: str, chance: random.Random) -> str:
        return f"So \\boxed{{{_BOX.findall(prompt)[-1]}}}."

    def spawn(self, prompt: str, chance: random.Random) -> str:
        """Hand the problem to helpers, then follow one of them."""
        text, begun = '<spawn>["Solve it.", "Solve it too.", "Do the same."]', '<spawn>["'
        if not self._request.continues or self._request.messages[-1].content == begun:
            return text.removeprefix(begun) if self._request.continues else text
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

    def review(self, prompt: str, chance: random.Random) -> str:
        """Accept an evaluation that accepts what is right, and nothing else."""
        marks = re.findall(r"Verdict: (\d[\d, ]*)", prompt)[0].split(", ")
        is_good = all(
            (mark == str(ACCEPTED)) == (answer == ANSWERS[0])
            for mark, answer in zip(marks, _BOX.findall(prompt), strict=False)
        )
        rate = self._skill.accept if is_good else self._skill.fooled
        return f"Verdict: {ACCEPTED if chance.random() < rate else REJECTED}"

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


def _weigh_digit(digit: str) -> TokenOdds:
    other = "1" if digit == "0" else "0"
    return TokenOdds(digit, log(VERDICT), ((digit, log(VERDICT)), (other, log(1 - VERDICT))))


def _cut(request: Request, text: str) -> list[Piece]:
    """Return the pieces in which a text comes."""
    if request.role == "prefix":
        first, rest = text.splitlines(keepends=True)
        return [(first, BEGUN), (rest, TRACE - BEGUN)]
    if request.role == "draft" and request.continues and A_WAY in request.messages[-1].content:
        return [(text, TRACE - BEGUN)]
    if request.role == "draft" and request.top_logprobs is not None:
        words = re.findall(r"\s*\S+", text)
        words = ["Hm. "] * (STRETCHES * STRETCH - len(words)) + words
        return [("".join(words[start : start + STRETCH]), STRETCH) for start in range(0, len(words), STRETCH)]
    return [(text, estimate_tokens(text))]


def _write_solution(answer: str, chance: random.Random) -> str:
    steps = [SOUND] * STEPS
    if answer != ANSWERS[0]:
        steps[chance.randrange(STEPS)] = FAULTY
    return "\n\n".join(steps) + f" So \\boxed{{{answer}}}. ({chance.random()})"  # no two texts are the same


ACTS: Sequence[tuple[str, str, Callable[[Reasoner, str, random.Random], str]]] = [
    ("draft", A_WAY, Reasoner.go_on),
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
    ("look", "Write each step as one paragraph that begins with `Step`", Reasoner.numbered_step),
    ("propose", "different ways to take the next step", Reasoner.list_steps),
    ("review", "Is this evaluation careful", Reasoner.review),
    ("judge", "N is the number of the best beginning", Reasoner.pick_proposal),
    ("draft", "Write nothing but the final answer", Reasoner.hurry),
    ("step", "Write the next step of a solution, and nothing else", Reasoner.step),
    ("draft", "Write the full solution, going on from these steps.", Reasoner.finish),
    ("refine", "First be the critic", Reasoner.rewrite),
    ("refine", "Correct the errors that are really there.", Reasoner.rewrite_criticized),
    ("refine", "Check every step of your previous solution", Reasoner.rewrite),
    ("refine", "Write one solution that is better than each of these.", Reasoner.rewrite),
    ("refine", "Check these notes before you trust them.", Reasoner.rewrite),
    ("refine", "Attempts at this problem stand below", Reasoner.rewrite),
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
