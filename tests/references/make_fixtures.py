"""Asks other libraries what they choose, and writes it down: `make references`, in an environment of its own.

Knows nothing of Retort; `tests/workers/strategies/test_references.py` compares. its_hub is handed drafts, in their
order, and scores; treequest grows trees, and every distribution it draws from is kept, with the value drawn. bm25s
ranks passages.
"""

import asyncio
import json
import random
import string
from importlib.metadata import version
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
MARK = r"\\boxed\{([^}]+)\}"


def main() -> None:
    _write("votes.json", "its_hub", _hold_votes())
    _write("trees.json", "treequest", _grow_trees())
    _write("mixed_models.json", "treequest", _fit_mixed_models())
    _write("thoughts.json", "treequest", _grow_thoughts())
    _write("beams.json", "its_hub", [_search_beams(seed, size, steps) for seed, (size, steps) in enumerate(BEAMS)])
    _write("rankings.json", "bm25s", [_rank_passages(seed) for seed in range(40)])


def _write(name: str, library: str, cases: list[dict[str, Any]]) -> None:
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    made_by = json.dumps(f"{library} {version(library)}, tests/references/make_fixtures.py")
    (FOLDER / name).write_text(f'{{"made_by": {made_by}, "cases": [\n{lines}\n]}}\n')


# --- votes ------------------------------------------------------------------------------------------------------------

SPELLED: dict[str, list[Any]] = {
    "unanimous": ["7", "7", "7", "7"],
    "a clear majority": ["7", "8", "7", "7", "9", "7"],
    "a tie": ["8", "7", "7", "8", "9"],
    "all different": ["5", "6", "7", "8"],
    "one draft": ["7"],
    "the same number, spelled in two ways": ["1", "0.5", "1/2", "1"],
    "more drafts without an answer than with the same one": [None, None, "7", None, "7", "8"],
    "no answer at all": [None, None],
    "a late majority": ["8", "8", "7", "7", "7", "7", "7"],
    "three answers, close": ["7", "8", "9", "7", "8", "7", "9", "7", "8", "7", "9", "7"],
    "a long unanimous run": ["7"] * 16,
}


def _hold_votes() -> list[dict[str, Any]]:
    chance = random.Random(1)
    named = list(SPELLED.items())
    for number in range(24):
        weights = [chance.random() ** 3 for _ in "abcd"]
        named.append((f"drawn by chance {number}", chance.choices("abcd", weights, k=chance.randint(2, 16))))
    recorded = json.loads((FOLDER / "drafts.json").read_text())["questions"]
    for each in recorded:
        named.append((f"the embedded model: {each['question']}", each["answers"]))
        named.append((f"those that answer: {each['question']}", [a for a in each["answers"] if a is not None]))
    return [_hold_vote(name, answers, chance) for name, answers in named]


def _hold_vote(name: str, answers: list[str | None], chance: random.Random) -> dict[str, Any]:
    from its_hub import (  # type: ignore[import-not-found]
        AdaptiveSelfConsistency,
        BestOfN,
        BetaSelfConsistency,
        SelfConsistency,
    )
    from its_hub.core.algorithms.self_consistency import (  # type: ignore[import-not-found]
        create_regex_projection_function,
    )

    letters = string.ascii_letters
    drafts = [f"Draft {letters[n]}. " + (f"\\boxed{{{a}}}" if a else "Hm.") for n, a in enumerate(answers)]
    scores = [chance.randint(0, 10) for _ in drafts]
    reading = create_regex_projection_function(MARK)
    votes = {
        "self_consistency": SelfConsistency(reading),
        "adaptive": AdaptiveSelfConsistency(0.75, reading),
        "beta": BetaSelfConsistency(0.95, reading),
    }
    found = {vote: _choose(algorithm, drafts) for vote, algorithm in votes.items()}
    best = _infer(BestOfN(_make_judge(drafts, scores)), drafts).selected_index
    return {"name": name, "answers": answers, "drafts": drafts, "scores": scores, "best_of_n": best, **found}


def _choose(algorithm: Any, drafts: list[str]) -> dict[str, Any]:
    """Return how many drafts it used, and all that it may choose: it draws among the drafts of the leading answers."""
    used = _infer(algorithm, drafts).responses
    chosen = {algorithm._process_responses(used, return_response_only=False).selected_index for _ in range(300)}
    return {"used": len(used), "chosen": sorted(chosen)}


def _infer(algorithm: Any, drafts: list[str]) -> Any:
    model = _make_model(drafts)
    return asyncio.run(algorithm.ainfer(model, "Which?", budget=len(drafts), return_response_only=False))


def _make_model(drafts: list[str]) -> Any:
    """Return a model that gives the drafts in their order, one after the other even when all are asked at once."""
    from its_hub import AbstractLanguageModel

    class Recorded(AbstractLanguageModel):  # type: ignore[misc]
        asked = 0

        async def agenerate(self, *args: Any, **options: Any) -> Any:
            raise NotImplementedError

        async def agenerate_single(self, *args: Any, **options: Any) -> dict[str, Any]:
            place = self.asked
            self.asked += 1
            await asyncio.sleep(0.02 * place)
            return {"role": "assistant", "content": drafts[place]}

    return Recorded()


def _make_judge(drafts: list[str], scores: list[int]) -> Any:
    from its_hub import AbstractOutcomeRewardModel

    class Judge(AbstractOutcomeRewardModel):  # type: ignore[misc]
        def score(self, messages: Any, **options: Any) -> Any:
            raise NotImplementedError

        async def ascore(self, messages: Any, **options: Any) -> list[float]:
            return [scores[drafts.index(conversation[-1].content)] / 10 for conversation in messages]

    return Judge()


# --- trees ------------------------------------------------------------------------------------------------------------

TREES: tuple[tuple[str, int, str, int], ...] = (
    ("gaussian", 1, "thompson", 1), ("gaussian", 1, "thompson", 4), ("gaussian", 3, "thompson", 1),
    ("gaussian", 3, "ucb", 2), ("beta", 1, "thompson", 1), ("beta", 1, "thompson", 3), ("beta", 3, "thompson", 2),
)  # fmt: skip
NODES = 24


def _grow_trees() -> list[dict[str, Any]]:
    drawn = _listen()
    return [_grow_tree(number, drawn, *tree) for number, tree in enumerate(TREES)]


def _grow_tree(seed: int, drawn: list[Any], form: str, models: int, choice: str, batch: int) -> dict[str, Any]:
    import numpy as np
    from treequest import ABMCTSA, top_k  # type: ignore[import-not-found]

    np.random.seed(seed)  # what treequest draws from
    chance = random.Random(seed)
    algorithm = ABMCTSA(dist_type=form, model_selection_strategy=f"multiarm_bandit_{choice}")
    state, actions, trials = algorithm.init_tree(), [f"model {n}" for n in range(models)], list[dict[str, Any]]()
    while len(trials) < NODES:
        asked = []
        for _ in range(batch):
            drawn.clear()
            state, [trial] = algorithm.ask_batch(state, 1, actions)
            asked.append((trial, list(drawn)))
        for trial, draws in asked:
            under = None if trial.node_to_expand < 0 else trial.node_to_expand
            score = round(chance.betavariate(2, 2), 1)
            state = algorithm.tell(state, trial.trial_id, (f"answer {len(trials)}", score))
            trials.append({"under": under, "model": actions.index(trial.action), "score": score, "draws": draws})
    [(best, _)] = top_k(state, algorithm, 1)
    settings = {"form": form, "models": models, "choice": choice, "batch": batch}
    return {**settings, "trials": trials, "best": int(best.split()[1])}


def _listen() -> list[list[Any]]:
    """Keep what treequest draws: the distribution's parameters and the value.

    At an answer without answers below it draws new against old although there is nothing to choose; that is left out.
    """
    from treequest.algos.ab_mcts_a import prob_state  # type: ignore[import-not-found]

    drawn: list[list[Any]] = []
    draw, select = prob_state.ProbabilisticDist.draw_sample, prob_state.NodeProbState.select_next

    def draw_and_tell(self: Any) -> float:
        value = float(draw(self))
        drawn.append([[round(float(number), 9) for number in self.params.values()], round(value, 9)])
        return value

    def select_and_tell(self: Any, scores: Any) -> Any:
        before, is_idle = len(drawn), not self.node_probas["shared"]
        selected = select(self, scores)
        if is_idle:
            del drawn[before : before + 2]
        return selected

    prob_state.ProbabilisticDist.draw_sample, prob_state.NodeProbState.select_next = draw_and_tell, select_and_tell
    return drawn


GROUPS = (
    [[0.2, 0.3, 0.9], [0.8], [0.5, 0.5, 0.6, 0.4]],
    [[0.1]],
    [[0.9, 0.8, 0.95, 0.85], [0.1, 0.2]],
    [[0.0, 1.0], [1.0, 1.0, 0.0], [0.0]],
    [[0.4, 0.5, 0.6], [0.45, 0.55], [0.5], [0.35, 0.65, 0.5, 0.5]],
)


def _fit_mixed_models() -> list[dict[str, Any]]:
    """Fit the model of AB-MCTS-M by PyMC; keep mean and deviation of the next score, of a new group first."""
    from treequest.algos.ab_mcts_m.pymc_interface import (  # type: ignore[import-not-found]
        Observation,
        PyMCInterface,
    )

    cases = []
    for groups in GROUPS:
        fitting, fitted = PyMCInterface(), list[tuple[float, float]]()
        fitting.get_score = lambda values, kept=fitted: kept.append((float(values.mean()), float(values.std())))
        seen = [(child, score) for child, group in enumerate(groups) for score in group]
        fitting.calculate_score(
            [Observation(score, "one", number, child_idx=child) for number, (child, score) in enumerate(seen)], None
        )
        old = [(round(mean, 4), round(deviation, 4)) for mean, deviation in fitted]
        cases.append({"groups": [[], *groups], "next": [old[-1], *old[:-1]]})
    return cases


# --- searches by steps ------------------------------------------------------------------------------------------------

THOUGHTS = ((1, 1), (1, 3), (2, 2), (2, 5), (3, 4), (5, 5))
LEVELS = 4
BEAMS = ((1, 3), (2, 2), (4, 1), (4, 4), (8, 3))


def _grow_thoughts() -> list[dict[str, Any]]:
    """Keep, level by level, the score of every thought and which thought before it was gone on from."""
    from treequest import TreeOfThoughtsBFSAlgo

    cases = []
    for seed, (kept, thoughts) in enumerate(THOUGHTS):
        chance = random.Random(seed)
        algorithm = TreeOfThoughtsBFSAlgo(breadth_limit=kept, size_limit=thoughts)
        state, sizes = algorithm.init_tree(), [1, thoughts, *[min(kept, thoughts) * thoughts] * (LEVELS - 2)]
        levels: list[list[dict[str, Any]]] = []
        for level, size in enumerate(sizes):
            state, trials = algorithm.ask_batch(state, size, ["think"])
            found = []
            for place, trial in enumerate(trials):
                parent = state.tree.get_node(trial.node_to_expand)
                found.append({"under": parent.state[1] if level else None, "score": round(chance.random(), 6)})
                state = algorithm.tell(state, trial.trial_id, ((level, place), found[-1]["score"]))
            levels.append(found)
        cases.append({"kept": kept, "thoughts": thoughts, "levels": levels})
    return cases


def _search_beams(seed: int, size: int, steps: int) -> dict[str, Any]:
    """Let its_hub keep one beam of `size`: with more, it begins fewer than it goes on with."""
    from its_hub import AbstractLanguageModel, AbstractProcessRewardModel, StepGeneration
    from its_hub.core.algorithms.beam_search import BeamSearch  # type: ignore[import-not-found]

    written = iter(range(size * steps))
    chance = random.Random(seed)
    scores = [chance.randint(0, 10) for _ in range(size * steps)]

    class Writer(AbstractLanguageModel):  # type: ignore[misc]
        async def agenerate(self, messages: Any, **_: Any) -> list[dict[str, Any]]:
            return [{"role": "assistant", "content": f"idea {next(written)}"} for _ in messages]

        async def aevaluate(self, *_: Any) -> list[float]:
            raise NotImplementedError

        generate = evaluate = aevaluate

    class Judge(AbstractProcessRewardModel):  # type: ignore[misc]
        async def ascore(self, prompt: Any, texts: list[str]) -> list[float]:
            return [scores[int(text.rsplit(" ", 1)[1])] / 10 for text in texts]

        score = ascore

    search = BeamSearch(StepGeneration(steps - 1, "\n\n"), Judge(), beam_width=1)
    best = asyncio.run(search.ainfer(Writer(), "Why?", size))
    return {"size": size, "steps": steps, "scores": scores, "best": best["content"].split("\n\n")}


def _rank_passages(seed: int) -> dict[str, Any]:
    """Let bm25s score every passage of a collection as Lucene does; words are drawn as rare as in a language."""
    import bm25s

    chance = random.Random(seed)
    words = [f"w{rank}" for rank in range(60)]
    weights = [1 / (rank + 1) for rank in range(60)]
    passages = [chance.choices(words, weights, k=chance.randint(1, 40)) for _ in range(chance.randint(2, 30))]
    query = chance.choices([*words, "unknown"], [*weights, 0.1], k=chance.randint(1, 25))
    known = {word for passage in passages for word in passage}
    ranker = bm25s.BM25(method="lucene", k1=1.2, b=0.75, dtype="float64")
    ranker.index(passages, show_progress=False)
    asked = [word for word in query if word in known]
    scores = [round(float(score), 9) for score in ranker.get_scores(asked)] if asked else [0.0] * len(passages)
    return {"passages": [" ".join(passage) for passage in passages], "query": " ".join(query), "scores": scores}


if __name__ == "__main__":
    main()
