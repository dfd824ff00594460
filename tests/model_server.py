"""A scriptable OpenAI-compatible model server that records everything: `python -m tests.model_server --port 0`.

It prints its address, e.g. `http://127.0.0.1:40001/v1`. A token is a word with the white space before it.

    GET  /v1/models                what it serves
    POST /v1/chat/completions      a stream, or a whole answer without `"stream": true`
    POST /tokenize                 vLLM's shape, or llama.cpp's with `--dialect llama.cpp`
    GET  /metrics                  counters: requests, tokens, streams now open
    PUT  /_script                  a JSON list of rules; the first whose `match` is found in the prompt answers
    GET  /_log                     every request: its body, whether it had a key, the tokens sent, how it ended
    POST /_reset                   forget the log and the script, close all streams

Without a rule it answers `a + b` (also −, ×) found in the prompt, right with `--probability`, chosen by the seed.
"""

import argparse
import asyncio
import json
import random
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict

Fault = Literal[
    "status", "redirect", "html", "hang_up",  # instead of an answer
    "cut", "break", "error", "hang", "comments", "garbage", "huge",  # after `after` tokens
]  # fmt: skip

HOSTILE = (
    "<script>window.hacked = true</script><img src=x onerror='window.hacked = true'>"
    '[click](javascript:window.hacked=true) <a href="javascript:window.hacked=true">here</a>\n'
    "$\\href{javascript:window.hacked=true}{x}$ $\\def\\a{\\a\\a}\\a$ $\\rule{9999em}{9999em}$ "
    "nul:\x00 half:\ud83d end:\ude00 bidi:\u202e \\boxed{<b>7</b>}"
)
"""A reply that tries everything against a browser, a database and a maths renderer."""


class Rule(BaseModel):
    """What to answer to prompts in which `match` is found."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    match: str = ""
    """A regular expression; empty matches every prompt."""
    times: int | None = None
    """Answer that many requests, then leave them to the next rule."""
    replies: tuple[str, ...] = ()
    """One is chosen by the request's seed."""
    right: str = ""
    """Without replies: a short text that ends in this answer, boxed …"""
    wrong: tuple[str, ...] = ("0",)
    """… or in one of these …"""
    probability: float = 1.0
    """… chosen by the request's seed."""
    thinking: str = ""
    thinking_field: Literal["reasoning", "reasoning_content", "content"] = "reasoning"
    """Where the thinking goes; in `content` it stands between think tags, as without a reasoning parser."""
    first_token_seconds: float = 0
    tokens_per_second: float = 0
    """0: as fast as can be."""
    fault: Fault | None = None
    after: int = 3
    """Tokens before the fault."""
    status: int = 500
    retry_after: str = ""
    finish_reason: str = ""
    has_usage: bool = True
    tokens_per_event: int = 1
    """As with vLLM's --stream-interval."""
    is_strict: bool = False
    """Refuse stream options that OpenAI does not know."""


class Server:
    """The state of the process: script, log, counters."""

    def __init__(self, settings: argparse.Namespace) -> None:
        self.settings = settings
        self.rules: list[Rule] = []
        self.used: dict[int, int] = {}
        self.log: list[dict[str, Any]] = []
        self.seen: set[str] = set()
        self.open: set[asyncio.Task[Any]] = set()

    def choose(self, prompt: str) -> Rule:
        for index, rule in enumerate(self.rules):
            if re.search(rule.match, prompt) and (rule.times is None or self.used.get(index, 0) < rule.times):
                self.used[index] = self.used.get(index, 0) + 1
                return rule
        return self.default(prompt)

    def default(self, prompt: str) -> Rule:
        sums = re.findall(r"(-?\d+)\s*([+*×−-])\s*(\d+)", prompt)
        right = 42
        if sums:
            one, sign, two = int(sums[-1][0]), sums[-1][1], int(sums[-1][2])
            right = one + two if sign == "+" else one * two if sign in "*×" else one - two
        return Rule(
            right=str(right),
            wrong=tuple(str(right + off) for off in (-10, -1, 1, 2)),
            probability=self.settings.probability,
            tokens_per_second=self.settings.tokens_per_second,
            first_token_seconds=self.settings.first_token_seconds,
        )

    async def models(self, request: web.Request) -> web.Response:
        model = {"id": self.settings.model, "object": "model", "owned_by": "tests"}
        if self.settings.dialect == "llama.cpp":
            model |= {"meta": {"n_ctx": self.settings.context, "n_ctx_train": 2 * self.settings.context}}
        else:
            model |= {"max_model_len": self.settings.context}
        return web.json_response({"object": "list", "data": [model]})

    async def tokenize(self, request: web.Request) -> web.Response:
        body = await request.json()
        if self.settings.dialect == "none":
            raise web.HTTPNotFound
        if self.settings.dialect == "llama.cpp":
            return web.json_response({"tokens": list(range(len(split_words(body.get("content", "")))))})
        words = split_words(body["prompt"])
        return web.json_response({"count": len(words), "max_model_len": self.settings.context, "tokens": []})

    async def metrics(self, request: web.Request) -> web.Response:
        counters = {
            "requests_total": len(self.log),
            "prompt_tokens_total": sum(entry["prompt_tokens"] for entry in self.log),
            "generation_tokens_total": sum(entry["tokens"] for entry in self.log),
            "streams_open": len(self.open),
        }
        return web.Response(text="".join(f"model_server:{name} {value}\n" for name, value in counters.items()))

    async def chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        prompt = "\n".join(str(message["content"]) for message in body["messages"])
        size = len(split_words(prompt))
        entry = {
            "number": len(self.log) + 1, "body": body, "prompt": prompt, "prompt_tokens": size, "tokens": 0,
            "cached_tokens": size if prompt in self.seen else 0, "has_key": "Authorization" in request.headers,
            "peer": str(request.transport and request.transport.get_extra_info("peername")),
            "open_before": len(self.open), "ended": "",
        }  # fmt: skip
        self.log.append(entry)
        self.seen.add(prompt)
        if refusal := self.refuse(request, body, size):
            entry["ended"] = f"status {refusal.status}"
            return refusal
        task = asyncio.current_task()
        assert task
        self.open.add(task)
        try:
            return await Answering(self.choose(prompt), request, entry).answer()
        except (ConnectionError, asyncio.CancelledError) as error:
            entry["ended"] = "closed by client"
            if isinstance(error, asyncio.CancelledError):
                raise
            return web.Response()
        finally:
            self.open.discard(task)

    def refuse(self, request: web.Request, body: dict[str, Any], size: int) -> web.Response | None:
        """Refuse what a real server would refuse, in vLLM's words."""
        key, context = self.settings.api_key, self.settings.context
        if key and request.headers.get("Authorization") != f"Bearer {key}":
            return refusal(401, "Unauthorized")
        if body["model"] != self.settings.model:
            return refusal(404, f"The model `{body['model']}` does not exist.")
        if size + body.get("max_tokens", 1) > context:
            return refusal(
                400,
                f"This model's maximum context length is {context} tokens. However, you requested "
                f"{size + body['max_tokens']} tokens. Please reduce the length of the messages.",
            )
        return None

    async def script(self, request: web.Request) -> web.Response:
        self.rules, self.used = [Rule(**rule) for rule in await request.json()], {}
        return web.json_response({})

    async def show_log(self, request: web.Request) -> web.Response:
        return web.json_response(self.log)

    async def reset(self, request: web.Request) -> web.Response:
        for task in self.open:
            task.cancel()
        self.rules, self.used, self.log, self.seen = [], {}, [], set()
        return web.json_response({})


class Answering:
    """One answer being written."""

    def __init__(self, rule: Rule, request: web.Request, entry: dict[str, Any]) -> None:
        self.rule = rule
        self.request = request
        self.entry = entry
        self.body = entry["body"]
        self.chance = random.Random(f"{self.body.get('seed')}/{entry['prompt']}")
        self.held: list[dict[str, str]] = []
        self.response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})

    async def answer(self) -> web.StreamResponse:
        instead = self.instead()
        if instead is not None:
            self.entry["ended"] = f"fault {self.rule.fault}" if self.rule.fault else f"status {instead.status}"
            return instead
        if not self.body.get("stream"):
            return await self.whole()
        if self.rule.first_token_seconds:
            await asyncio.sleep(self.rule.first_token_seconds)
        await self.response.prepare(self.request)
        await self.send(delta={"role": "assistant", "content": ""})
        pieces = self.pieces()
        async for number in self.pace(len(pieces)):
            if self.rule.fault and number == self.rule.after:
                break
            self.entry["tokens"] += 1
            await self.write_token(pieces[number], is_last=number == len(pieces) - 1)
        if self.rule.fault:
            return await self.fail()
        await self.end()
        return self.response

    async def write_token(self, delta: dict[str, str], *, is_last: bool) -> None:
        """Send a token, with those that were held back, or hold it back."""
        self.held.append(delta)
        if not is_last and len(self.held) < self.rule.tokens_per_event:
            return
        names = dict.fromkeys(name for held in self.held for name in held)
        joined = {name: "".join(held.get(name, "") for held in self.held) for name in names}
        self.held = []
        wants_count = self.body.get("stream_options", {}).get("continuous_usage_stats") and self.rule.has_usage
        await self.send(delta=joined, **({"usage": self.usage()} if wants_count else {}))

    def pieces(self) -> list[dict[str, str]]:
        """Return the deltas to send, cut to max_tokens."""
        rule, text = self.rule, self.choose_text()
        thinking = rule.thinking
        if thinking and rule.thinking_field == "content":
            thinking, text = "", f"<think>{thinking}</think>\n\n{text}"
        deltas: list[dict[str, str]] = [{rule.thinking_field: word} for word in split_words(thinking)]
        deltas += [{"content": word} for word in split_words(text)]
        self.entry["thinking_tokens"] = len(deltas) - len(split_words(text))
        limit = self.body.get("max_tokens") or len(deltas)
        self.reason = rule.finish_reason or ("stop" if len(deltas) <= limit else "length")
        return deltas[:limit]

    def choose_text(self) -> str:
        rule = self.rule
        if rule.replies:
            return self.chance.choice(rule.replies)
        is_right = self.chance.random() < rule.probability
        answer = rule.right if is_right else self.chance.choice(rule.wrong)
        steps = self.chance.randint(2, 5)
        lines = "".join(f"Step {n}: look at part {n} of the question again.\n" for n in range(1, steps + 1))
        return f"{lines}So the answer is \\boxed{{{answer}}}."

    async def pace(self, count: int) -> AsyncIterator[int]:
        loop, rate = asyncio.get_running_loop(), self.rule.tokens_per_second
        started = loop.time()
        for number in range(count):
            if rate and (wait := started + number / rate - loop.time()) > 0:
                await asyncio.sleep(wait)
            yield number

    async def send(self, *, delta: dict[str, str] | None = None, **fields: Any) -> None:
        event = {"id": f"chatcmpl-{self.entry['number']}", "object": "chat.completion.chunk", "created": 0,
                 "model": self.body["model"]}  # fmt: skip
        if delta is not None:
            choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": fields.pop("finish_reason", None)}
            event["choices"] = [choice]
        await self.response.write(f"data: {json.dumps(event | fields)}\n\n".encode())

    async def end(self) -> None:
        await self.send(delta={}, finish_reason=self.reason)
        if self.rule.has_usage and self.body.get("stream_options", {}).get("include_usage"):
            await self.send(choices=[], usage=self.usage())
        await self.response.write(b"data: [DONE]\n\n")
        self.entry["ended"] = "complete"

    def usage(self) -> dict[str, Any]:
        prompt, tokens = self.entry["prompt_tokens"], self.entry["tokens"]
        return {
            "prompt_tokens": prompt, "completion_tokens": tokens, "total_tokens": prompt + tokens,
            "prompt_tokens_details": {"cached_tokens": self.entry["cached_tokens"]},
            "completion_tokens_details": {"reasoning_tokens": min(tokens, self.entry["thinking_tokens"])},
        }  # fmt: skip

    async def whole(self) -> web.Response:
        """Answer without a stream."""
        pieces = self.pieces()
        self.entry |= {"tokens": len(pieces), "ended": "complete"}
        message = {"role": "assistant", "content": "".join(piece.get("content", "") for piece in pieces)}
        choice = {"index": 0, "message": message, "finish_reason": self.reason}
        return web.json_response({"object": "chat.completion", "choices": [choice], "usage": self.usage()})

    # --- faults -------------------------------------------------------------------------------------------

    def instead(self) -> web.Response | None:
        """Return what is sent in place of a stream."""
        rule, options = self.rule, self.body.get("stream_options", {})
        if rule.is_strict and (unknown := sorted(set(options) - {"include_usage"})):
            return refusal(400, f"Unknown parameter: 'stream_options.{unknown[0]}'.")
        if rule.fault == "status":
            response = refusal(rule.status, "Something went wrong, <b>by script</b>.")
            if rule.retry_after:
                response.headers["Retry-After"] = rule.retry_after
            return response
        if rule.fault == "redirect":
            return web.Response(status=307, headers={"Location": "/v1/chat/completions?again"})
        if rule.fault == "html":
            return web.Response(text="<!doctype html><title>Welcome</title>", content_type="text/html")
        if rule.fault == "hang_up":
            self.abort()
            return web.Response()
        return None

    async def fail(self) -> web.StreamResponse:
        self.entry["ended"] = f"fault {self.rule.fault}"
        match self.rule.fault:
            case "break":
                self.abort()
            case "error":
                error = {"message": "The engine died.", "type": "InternalServerError", "code": self.rule.status}
                await self.response.write(f"data: {json.dumps({'error': error})}\n\n".encode())
                await self.response.write(b"data: [DONE]\n\n")
            case "hang":
                await asyncio.Event().wait()
            case "comments":
                while True:
                    await self.response.write(b": still here\n\n")
                    await asyncio.sleep(0.005)
            case "garbage":
                await self.response.write(b'data: {"choices": [{"delta"\n\n')
            case "huge":
                await self.response.write(b"data: " + b"x" * 2_000_000)
        return self.response

    def abort(self) -> None:
        if self.request.transport:
            self.request.transport.abort()


def refusal(status: int, message: str) -> web.Response:
    return web.json_response({"error": {"message": message, "type": "Error", "code": status}}, status=status)


def split_words(text: str) -> list[str]:
    return re.findall(r"\s*\S+(?:\s+\Z)?", text)


def make_app(settings: argparse.Namespace) -> web.Application:
    server = Server(settings)
    if settings.script:
        server.rules = [Rule(**rule) for rule in json.loads(Path(settings.script).read_text())]
    app = web.Application(client_max_size=64 * 2**20)
    app.router.add_get("/v1/models", server.models)
    app.router.add_post("/v1/chat/completions", server.chat)
    app.router.add_post("/tokenize", server.tokenize)
    app.router.add_get("/metrics", server.metrics)
    app.router.add_put("/_script", server.script)
    app.router.add_get("/_log", server.show_log)
    app.router.add_post("/_reset", server.reset)
    return app


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--script", help="a JSON file with a list of rules")
    parser.add_argument("--model", default="scripted")
    parser.add_argument("--api-key", default="", help="refuse requests without this key")
    parser.add_argument("--context", type=int, default=32_768, help="longest prompt and answer together, in tokens")
    parser.add_argument("--dialect", choices=["vllm", "llama.cpp", "none"], default="vllm", help="of /tokenize")
    parser.add_argument("--probability", type=float, default=0.6, help="of a right answer where no rule matches")
    parser.add_argument("--tokens-per-second", type=float, default=0, help="of each stream; 0: as fast as can be")
    parser.add_argument("--first-token-seconds", type=float, default=0)
    return parser.parse_args(arguments)


async def serve(settings: argparse.Namespace) -> None:
    # A closed connection cancels its handler: this is how the log knows that a client hung up.
    runner = web.AppRunner(make_app(settings), handler_cancellation=True, access_log=None, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", settings.port)
    await site.start()
    port = runner.addresses[0][1]
    print(f"http://127.0.0.1:{port}/v1", flush=True)  # noqa: T201
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(parse()))
