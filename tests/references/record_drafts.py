"""Records drafts of the embedded model, to be handed to other libraries: `python -m tests.references.record_drafts`.

Run once, by hand; what it writes, drafts.json, is committed. Answers are those that Retort reads out of the texts.
"""

import json
import tempfile
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from webapp.local import model_server
from workers.core.answers import extract_answer, normalize_answer
from workers.core.prompts import fill
from workers.strategies._prompts import DRAFT

WRITTEN = Path(__file__).with_name("drafts.json")
SAMPLING = {"temperature": 0.8, "top_p": 0.95, "max_tokens": 160}
TIMES = 16
QUESTIONS = (
    "What is the capital of France?",
    "What is the capital of Japan?",
    "What is 12 plus 7?",
    "What is 23 plus 48?",
    "Which number is larger, 38 or 83?",
    "Tom has 3 bags with 4 apples each. How many apples has he?",
    "How many days are in two weeks?",
    "What is half of 90?",
)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, model_server.running(Path(folder) / "log") as address:
        with ThreadPoolExecutor(8) as pool:
            recorded = [_record(address, question, pool) for question in QUESTIONS]
    made_by = f"{model_server.NAME} in llama.cpp, {json.dumps(SAMPLING)}, seeds 0 to {TIMES - 1}"
    WRITTEN.write_text(json.dumps({"made_by": made_by, "questions": recorded}, indent=1, ensure_ascii=False) + "\n")


def _record(address: model_server.Address, question: str, pool: ThreadPoolExecutor) -> dict[str, Any]:
    texts = list(pool.map(lambda seed: _ask(address, fill(DRAFT, question=question), seed), range(TIMES)))
    answers = [answer and normalize_answer(answer) for answer in map(extract_answer, texts)]
    return {"question": question, "drafts": texts, "answers": answers}


def _ask(address: model_server.Address, prompt: str, seed: int) -> str:
    body = {"model": address.model, "messages": [{"role": "user", "content": prompt}], "seed": seed, **SAMPLING}
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {address.api_key}"}
    request = urllib.request.Request(f"{address.base_url}/chat/completions", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=300) as response:
        return str(json.load(response)["choices"][0]["message"]["content"])


if __name__ == "__main__":
    main()
