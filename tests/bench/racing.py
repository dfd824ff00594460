"""Runs one peer as its own documentation says, in the peers' environment: `.venv-peers/bin/python racing.py its_hub …`.

Not imported by the benchmark: it knows nothing of Retort. Prints a JSON list of wall seconds, one for each repeat.
"""

import argparse
import json
import time
import urllib.request
from collections.abc import Callable

QUESTION = "What is 6 times 7? Put the final answer in \\boxed{}."
TEMPERATURE, MAX_TOKENS = 0.8, 4096


def race_its_hub(address: str, drafts: int, cap: int) -> Callable[[], None]:
    """Return self-consistency as its_hub runs it; a cap of -1 lifts the bound on requests at once."""
    from its_hub import (  # type: ignore[import-not-found]
        LMOrchestrator,
        OpenAICompatibleLanguageModel,
        SelfConsistency,
    )
    from its_hub.core.algorithms.self_consistency import (  # type: ignore[import-not-found]
        create_regex_projection_function,
    )

    model = OpenAICompatibleLanguageModel(
        endpoint=address, api_key="none", model_name="scripted", temperature=TEMPERATURE,
        max_completion_tokens=MAX_TOKENS,
    )  # fmt: skip
    orchestrator = LMOrchestrator(max_concurrency=cap)
    reading = create_regex_projection_function(r"\\boxed\{([^}]+)\}")
    voting = SelfConsistency(consistency_space_projection_func=reading, orchestrator=orchestrator)

    def once() -> None:
        answer = voting.infer(model, QUESTION, budget=drafts, return_response_only=False)
        assert len(answer.responses) == drafts, f"{len(answer.responses)} of {drafts} drafts"

    return once


def race_optillm(address: str, approach: str, drafts: int) -> Callable[[], None]:
    """Return one request to an optillm proxy that listens at `address`."""
    body = {
        "model": f"{approach}-scripted", "messages": [{"role": "user", "content": QUESTION}], "k": drafts,
        "temperature": TEMPERATURE, "max_tokens": MAX_TOKENS,
    }  # fmt: skip
    headers = {"Content-Type": "application/json", "Authorization": "Bearer none"}

    def once() -> None:
        request = urllib.request.Request(f"{address}/chat/completions", json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=120) as response:
            assert json.load(response)["choices"], "no answer"

    return once


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("peer", choices=["its_hub", "self_consistency", "majority_voting"])
    parser.add_argument("address")
    parser.add_argument("--drafts", type=int, default=5)
    parser.add_argument("--cap", type=int, default=-1)
    parser.add_argument("--repeats", type=int, default=5)
    chosen = parser.parse_args()
    if chosen.peer == "its_hub":
        once = race_its_hub(chosen.address, chosen.drafts, chosen.cap)
    else:
        once = race_optillm(chosen.address, chosen.peer, chosen.drafts)
    walls = []
    for _ in range(chosen.repeats):
        began = time.perf_counter()
        once()
        walls.append(time.perf_counter() - began)
    print(json.dumps(walls))  # noqa: T201


if __name__ == "__main__":
    main()
