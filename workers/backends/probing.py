"""Find out what a model server can do, by asking it: some twenty tiny requests, most of them for one token.

What a server refuses or ignores is not there. What it could not say, because it was busy or broke, stays unknown.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from workers.backends._events import EventSplitter
from workers.backends._reading import StreamReader, parse_json
from workers.backends._refusals import quote_answer, read_status
from workers.backends._server_info import read_size
from workers.backends.openai_server import OpenAIServer
from workers.core.capabilities import Capabilities, Feature, Finding
from workers.core.errors import ModelError, Unreachable

ANSWER_SECONDS = 60.0
"""For each question; a busy server lets it wait in its queue."""
AT_ONCE = 4
REFUSALS = frozenset({400, 403, 404, 405, 415, 422, 501})
"""HTTP statuses that say: I do not do this."""
SOME_TOKENS = 8
ALTERNATIVES = (20, 5, 1)
"""Asked for in this order until the server agrees; OpenAI and vLLM give 20 at most."""
BEGUN = "one two three four five six seven eight"
QUESTION = "Count."
IGNORED = "It ignores the wish."


class Missing(Exception):
    """The server does not offer what was asked for; the message says why, in a sentence."""


async def identify(server: OpenAIServer, model: str) -> str:
    """Return a digest that changes with the server's version and what it says of the model. Raises ModelError."""
    told = await server.fetch("GET", "models", seconds=ANSWER_SECONDS)
    if told.status != 200:
        raise read_status(server.name, told)
    models = _dict(parse_json(told.body)).get("data")
    entries = [entry for entry in models if _dict(entry).get("id") == model] if isinstance(models, list) else []
    for entry in entries:
        for name in ("created", "permission"):  # new in every answer
            entry.pop(name, None)
    version = await server.fetch("GET", "/version", seconds=ANSWER_SECONDS)
    known = version.body if version.status == 200 else b""
    return hashlib.sha256(orjson.dumps(entries, option=orjson.OPT_SORT_KEYS) + known).hexdigest()


async def probe(server: OpenAIServer, model: str) -> Capabilities:
    """Return what the model on this server can do. Raises ModelError when it neither chats nor embeds."""
    asker = Asker(server, model)
    context = (await server.ask_server()).context_tokens.get(model)
    try:
        await asker.chat()
    except Missing as refusal:
        return Capabilities(model=model, context_tokens=context, findings=await _probe_embedder(asker, refusal))
    places = asyncio.Semaphore(AT_ONCE)

    async def find(look: Callable[[Asker], Awaitable[Finding]]) -> Finding:
        async with places:
            try:
                return await look(asker)
            except Missing as why:
                return Finding(is_there=False, detail=str(why))
            except ModelError as error:
                return Finding(detail=str(error))

    findings = await asyncio.gather(*map(find, LOOKS.values()))
    return Capabilities(model=model, context_tokens=context, findings=dict(zip(LOOKS, findings, strict=True)))


class Asker:
    """Asks one model of one server."""

    def __init__(self, server: OpenAIServer, model: str) -> None:
        """Take both; nothing is asked yet."""
        self.server = server
        self.model = model

    async def chat(self, *, begun: str = "", question: str = QUESTION, **fields: Any) -> dict[str, Any]:
        """Return the answer to a chat for one token. Raises Missing or ModelError."""
        return await self.post("chat/completions", messages=_messages(question, begun), **fields)

    async def post(self, path: str, **fields: Any) -> dict[str, Any]:
        """Return the JSON of an answer. Raises Missing when it is refused, ModelError when nothing can be said."""
        answer = parse_json(await self.read(path, **fields))
        if not isinstance(answer, dict):
            raise Unreachable(f"{self.server.name} answered /{path} with something that is not JSON.")
        return answer

    async def read(self, path: str, **fields: Any) -> bytes:
        """Return the body of an answer. Raises Missing when it is refused, ModelError when nothing can be said."""
        wish = {"model": self.model, "max_tokens": 1, **fields}
        answer = await self.server.fetch("POST", path, wish, seconds=ANSWER_SECONDS)
        if answer.status in REFUSALS:
            raise Missing(f"It refuses (HTTP {answer.status}){quote_answer(answer.body)}")
        if answer.status != 200:
            raise read_status(self.server.name, answer)
        return answer.body


async def _probe_embedder(asker: Asker, refusal: Missing) -> dict[Feature, Finding]:
    """Return what a model offers that answers no chats: embeddings alone. Raises Unreachable without them."""
    try:
        found = await _embeddings(asker)
    except Missing:
        raise Unreachable(f"{asker.server.name} does not answer a plain chat. {refusal}") from None
    lacks = Finding(is_there=False, detail="It embeds texts, and writes none.")
    return {**dict.fromkeys(LOOKS, lacks), "embeddings": found}


# --- one look for each feature --------------------------------------------------------------------------------------


async def _streaming(asker: Asker) -> Finding:
    reader = StreamReader(asker.server.name, max_tokens=1)
    reader.feed(await asker.read("chat/completions", messages=_messages(QUESTION), stream=True))
    reader.end()
    if reader.error:
        raise Missing("Its answer to a wish for a stream is none.")
    return Finding(is_there=True)


async def _usage_while_writing(asker: Asker) -> Finding:
    options = {"include_usage": True, "continuous_usage_stats": True}
    body = await asker.read("chat/completions", messages=_messages(QUESTION), stream=True, stream_options=options)
    events = [_dict(parse_json(payload)) for payload in EventSplitter().feed(body)]
    if any(event.get("choices") and isinstance(event.get("usage"), dict) for event in events):
        return Finding(is_there=True)
    raise Missing("It counts at the end, or never: what a stopped call cost is then our own count.")


async def _choices(asker: Asker) -> Finding:
    answer = await asker.chat(n=2)
    if len(answer.get("choices") or ()) != 2:
        raise Missing("Asked for two texts, it wrote another number of them.")
    counts_one = (_usage(answer, "completion_tokens") or 2) < 2
    return Finding(is_there=True, detail="Its usage counts one of the texts only." if counts_one else "")


async def _completions(asker: Asker) -> Finding:
    answer = await asker.post("completions", prompt=BEGUN)
    if not isinstance(_choice(answer).get("text"), str):
        raise Missing("Its answer holds no text.")
    return Finding(is_there=True)


async def _logprobs(asker: Asker) -> Finding:
    for wished in ALTERNATIVES:
        try:
            # several tokens, the likeliest: a text that ends at once has none to tell of
            answer = await asker.chat(logprobs=True, top_logprobs=wished, max_tokens=SOME_TOKENS, temperature=0)
        except Missing:
            if wished == ALTERNATIVES[-1]:
                raise
            continue
        tokens = _dict(_choice(answer).get("logprobs")).get("content")
        if not isinstance(tokens, list) or not tokens:
            break
        found = len(_dict(tokens[0]).get("top_logprobs") or ())
        return Finding(is_there=True, detail=f"{found} alternatives for each token.", amount=found)
    raise Missing(IGNORED)


async def _prompt_logprobs(asker: Asker) -> Finding:
    answer = await asker.post("completions", prompt=BEGUN, prompt_logprobs=0)
    if not isinstance(_choice(answer).get("prompt_logprobs"), list):
        raise Missing(IGNORED)
    return Finding(is_there=True)


async def _continuing(asker: Asker) -> Finding:
    """Compare sizes of prompts: an answer that is continued ends where its text ends, with no new turn after it."""
    empty, asked, begun = await asyncio.gather(
        asker.chat(),
        asker.chat(question=f"{QUESTION} {BEGUN}"),
        asker.chat(begun=BEGUN, continue_final_message=True, add_generation_prompt=False),
    )
    sizes = [_usage(answer, "prompt_tokens") for answer in (empty, asked, begun)]
    if not all(sizes):
        raise Unreachable("It does not count its prompts, so nothing can be said.")
    if sizes[2] > sizes[1] + 1 or sizes[2] <= sizes[0]:
        raise Missing("It begins a new answer after the given text.")
    repeats = str(_dict(_choice(begun).get("message")).get("content") or "").startswith(BEGUN)
    return Finding(is_there=True, detail="Its answer repeats the given text." if repeats else "")


async def _keeping_thoughts(asker: Asker) -> Finding:
    """Compare sizes of prompts: some templates drop from an answer all up to the end of its thought."""
    plain, thought = await asyncio.gather(
        *(
            asker.chat(begun=begun, continue_final_message=True, add_generation_prompt=False)
            for begun in ("So", f"<think>\n{BEGUN}\n</think>\n\nSo")
        )
    )
    sizes = [_usage(answer, "prompt_tokens") for answer in (plain, thought)]
    if not all(sizes):
        raise Unreachable("It does not count its prompts, so nothing can be said.")
    if sizes[1] < sizes[0] + len(BEGUN.split()):
        raise Missing("The model's template drops it.")
    return Finding(is_there=True)


async def _token_ids(asker: Asker) -> Finding:
    if not _choice(await asker.chat(return_token_ids=True)).get("token_ids"):
        raise Missing(IGNORED)
    return Finding(is_there=True)


async def _thinking(asker: Asker) -> Finding:
    message = _dict(_choice(await asker.chat(max_tokens=SOME_TOKENS)).get("message"))
    for field in ("reasoning", "reasoning_content"):
        if message.get(field):
            return Finding(is_there=True, detail=f"In the field ‘{field}’.")
    if "<think>" in str(message.get("content")):
        return Finding(is_there=True, detail="In the text, between think tags.")
    raise Missing("It answered a small question without.")


async def _reasoning_effort(asker: Asker) -> Finding:
    return await _find_known(asker, "reasoning_effort", "low")


async def _thinking_budget(asker: Asker) -> Finding:
    return await _find_known(asker, "thinking_token_budget", 4)


async def _find_known(asker: Asker, field: str, value: Any) -> Finding:
    """Ask with a value that makes no sense: only a server that knows the field refuses it. Then with one that does."""
    try:
        await asker.chat(**{field: "nonsense"})
    except Missing:
        await asker.chat(**{field: value})
        return Finding(is_there=True, detail=f"As ‘{field}’.")
    raise Missing(IGNORED)


async def _tokenize(asker: Asker) -> Finding:
    answer = await asker.post("/tokenize", prompt=BEGUN, content=BEGUN, add_special_tokens=False)
    if not read_size(answer):
        raise Missing("Its answer holds no count.")
    return Finding(is_there=True)


async def _embeddings(asker: Asker) -> Finding:
    found = (await asker.post("embeddings", input=BEGUN)).get("data")
    vector = _dict(found[0]).get("embedding") if isinstance(found, list) and found else None
    if not isinstance(vector, list):
        raise Missing("Its answer holds no vector.")
    return Finding(is_there=True, amount=len(vector))


LOOKS: dict[Feature, Callable[[Asker], Awaitable[Finding]]] = {
    "streaming": _streaming,
    "usage_while_writing": _usage_while_writing,
    "choices": _choices,
    "completions": _completions,
    "logprobs": _logprobs,
    "prompt_logprobs": _prompt_logprobs,
    "continuing": _continuing,
    "keeping_thoughts": _keeping_thoughts,
    "token_ids": _token_ids,
    "thinking": _thinking,
    "reasoning_effort": _reasoning_effort,
    "thinking_budget": _thinking_budget,
    "tokenize": _tokenize,
    "embeddings": _embeddings,
}


def _messages(question: str, begun: str = "") -> list[dict[str, str]]:
    asked = [{"role": "user", "content": question}]
    return [*asked, {"role": "assistant", "content": begun}] if begun else asked


def _choice(answer: dict[str, Any]) -> dict[str, Any]:
    choices = answer.get("choices")
    return _dict(choices[0]) if isinstance(choices, list) and choices else {}


def _usage(answer: dict[str, Any], name: str) -> int:
    count = _dict(answer.get("usage")).get(name)
    return count if isinstance(count, int) else 0


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
