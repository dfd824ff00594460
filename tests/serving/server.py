"""The model server's routes and what it remembers."""

import argparse
import asyncio
import json
import os
import re
from pathlib import Path
from typing import Any

from tests.serving import embedding, faults, texts
from tests.serving.answering import Answering, Entry
from tests.serving.http import Exchange, HungUp
from tests.serving.rules import Rule


class Server:
    """The state of the process: script, log, counters."""

    def __init__(self, settings: argparse.Namespace) -> None:
        self.settings = settings
        self.rules: list[Rule] = []
        self.names = [name for name in (*settings.model.split(","), settings.embedder) if name]
        self.used: dict[int, int] = {}
        self.changed = asyncio.Event()
        """Set when the script is set anew."""
        self.log: list[Entry] = []
        self.seen: set[str] = set()
        self.open: dict[Entry, Exchange] = {}
        self.cached = 0
        self.record = Path(settings.record) if settings.record else None
        if settings.script:
            self.rules = read_rules(Path(settings.script).read_bytes())
        self.routes = {
            ("GET", "/v1/models"): self.models,
            ("GET", "/version"): self.version,
            ("GET", "/health"): self.health,
            ("GET", "/metrics"): self.metrics,
            ("POST", "/tokenize"): self.tokenize,
            ("PUT", "/_script"): self.script,
            ("GET", "/_log"): self.show_log,
            ("POST", "/_reset"): self.reset,
        }

    async def answer(self, exchange: Exchange) -> None:
        if exchange.path in ("/v1/chat/completions", "/v1/completions"):
            await self.write(exchange, is_chat="chat" in exchange.path)
        elif exchange.path == "/v1/embeddings" and self.settings.embedder:
            self.embed(exchange)
        elif route := self.routes.get((exchange.method, exchange.path)):
            route(exchange)
        else:
            exchange.refuse(404, "Not Found")

    # --- the model ----------------------------------------------------------------------------------------

    async def write(self, exchange: Exchange, *, is_chat: bool) -> None:
        body = self.read(exchange)
        entry = Entry(len(self.log) + 1, body, texts.read_wish(body, is_chat=is_chat), exchange)
        entry.open_before = len(self.open)
        entry.cached_tokens = entry.prompt_tokens if entry.wish.prompt in self.seen else 0
        self.cached += entry.cached_tokens
        self.log.append(entry)
        self.seen.add(entry.wish.prompt)
        self.open[entry] = exchange
        self.note(entry)
        try:
            if refusal := self.find_refusal(exchange, entry):
                exchange.refuse(*refusal)
                entry.end(f"status {refusal[0]}")
            else:
                await self.follow(exchange, entry, is_chat=is_chat)
        except (HungUp, asyncio.CancelledError):
            entry.end("closed by client")
            raise
        finally:
            self.open.pop(entry, None)
            self.note(entry)

    def embed(self, exchange: Exchange) -> None:
        body = json.loads(exchange.body)
        entry = Entry(len(self.log) + 1, body, embedding.read_wish(body), exchange)
        self.log.append(entry)
        longest = max(len(texts.split_words(text)) for text in embedding.read_inputs(body))
        if body["model"] != self.settings.embedder:
            exchange.refuse(404, f"The model `{body['model']}` does not support Embeddings API.")
        elif longest > self.settings.context:
            exchange.refuse(400, f"This model's maximum context length is {self.settings.context} tokens.")
        elif not faults.answer_instead(self.choose(entry.wish.prompt), exchange, entry):
            exchange.answer_json(embedding.answer(body))
        entry.end("complete")
        self.note(entry)

    def read(self, exchange: Exchange) -> dict[str, Any]:
        """Return a request as the server and the model's template understand it."""
        body: dict[str, Any] = json.loads(exchange.body)  # not orjson: half characters come through
        if self.settings.dialect != "vllm":
            texts.forget_wishes(body, begins_anew=self.settings.dialect == "none")
        if self.settings.drop_thoughts:
            texts.drop_thoughts(body)
        return body

    async def follow(self, exchange: Exchange, entry: Entry, *, is_chat: bool) -> None:
        """Answer as the first rule says that matches."""
        while (rule := self.choose(entry.wish.prompt)).waits:
            await self.changed.wait()
        if rule.raw is not None:
            await faults.write_raw(rule, exchange, entry)
            return
        answering = Answering(rule, exchange, entry, is_chat=is_chat)
        if faults.answer_instead(rule, exchange, entry):
            return
        await asyncio.sleep(rule.first_token_seconds)
        if not entry.body.get("stream"):
            await answering.write_silently()
            self.complete(entry)
            answering.answer_whole()
        elif rule.fault in (None, "twice"):
            await answering.stream()
            self.complete(entry)
            await answering.end()
        else:
            await answering.stream(rule.after)
            await faults.fail(rule, exchange, entry)

    def complete(self, entry: Entry) -> None:
        """Note the end of an answer before it is sent: the record never knows less than the client does."""
        entry.end("complete")
        self.note(entry)

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

    def find_refusal(self, exchange: Exchange, entry: Entry) -> tuple[int, str] | None:
        """Return the status and words, vLLM's, of what a real server would refuse."""
        key, context, body = self.settings.api_key, self.settings.context, entry.body
        asked = entry.prompt_tokens + (entry.wish.most_tokens or 1)
        found = None
        if key and exchange.headers.get("authorization") != f"Bearer {key}":
            found = 401, "Unauthorized"
        elif body["model"] not in self.names:
            found = 404, f"The model `{body['model']}` does not exist."
        elif body["model"] == self.settings.embedder:
            found = 400, "The model does not support Chat Completions API."
        elif asked > context:
            found = (
                400,
                (
                    f"This model's maximum context length is {context} tokens. However, you requested {asked} tokens. "
                    "Please reduce the length of the messages."
                ),
            )
        elif body.get("continue_final_message") and body.get("add_generation_prompt", True):
            found = 400, "Cannot set both `continue_final_message` and `add_generation_prompt` to True."
        elif body.get("prompt_logprobs") is not None and body.get("stream"):
            found = 400, "`prompt_logprobs` are not available when `stream=True`."
        elif self.settings.dialect == "vllm" and (wrong := texts.find_nonsense(body)):
            found = 400, wrong
        return found

    # --- aside --------------------------------------------------------------------------------------------

    def models(self, exchange: Exchange) -> None:
        if self.settings.dialect == "llama.cpp":
            reads: dict[str, Any] = {"meta": {"n_ctx": self.settings.context, "n_ctx_train": 2 * self.settings.context}}
        else:
            reads = {"max_model_len": self.settings.context}
        listed = [{"id": name, "object": "model", "owned_by": "tests", **reads} for name in self.names]
        exchange.answer_json({"object": "list", "data": listed})

    def version(self, exchange: Exchange) -> None:
        if self.settings.dialect == "vllm":
            exchange.answer_json({"version": "0.0.0"})
        else:
            exchange.refuse(404, "Not Found")

    def health(self, exchange: Exchange) -> None:
        exchange.answer(200, b"")

    def tokenize(self, exchange: Exchange) -> None:
        body = json.loads(exchange.body)
        if self.settings.dialect == "none":
            exchange.refuse(404, "Not Found")
        elif self.settings.dialect == "llama.cpp":
            exchange.answer_json({"tokens": list(range(len(texts.split_words(body.get("content", "")))))})
        else:
            ids = [texts.token_id(word) for word in texts.split_words(body["prompt"])]
            exchange.answer_json({"count": len(ids), "max_model_len": self.settings.context, "tokens": ids})

    def metrics(self, exchange: Exchange) -> None:
        """Show counters under vLLM's names; the cache is said to hold every prompt that was seen."""
        prompt_tokens = sum(entry.prompt_tokens for entry in self.log)
        running = len(self.open)
        values = {
            "num_requests_running": ("gauge", running),
            "num_requests_waiting": ("gauge", 0),
            "kv_cache_usage_perc": ("gauge", min(1.0, running / 256)),
            "prompt_tokens_total": ("counter", prompt_tokens),
            "generation_tokens_total": ("counter", sum(entry.tokens for entry in self.log)),
            "prefix_cache_queries_total": ("counter", prompt_tokens),
            "prefix_cache_hits_total": ("counter", self.cached),
            "request_success_total": ("counter", sum(entry.ended == "complete" for entry in self.log)),
        }
        labels = f'{{engine="0",model_name="{self.settings.model}"}}'
        lines = [
            f"# TYPE vllm:{name} {kind}\nvllm:{name}{labels} {float(value)}\n" for name, (kind, value) in values.items()
        ]
        exchange.answer(200, "".join(lines), kind="text/plain; version=0.0.4; charset=utf-8")

    def script(self, exchange: Exchange) -> None:
        self.rules, self.used = read_rules(exchange.body), {}
        self.changed.set()
        self.changed = asyncio.Event()
        exchange.answer_json({})

    def show_log(self, exchange: Exchange) -> None:
        exchange.answer(200, json.dumps([entry.describe() for entry in self.log]))

    def reset(self, exchange: Exchange) -> None:
        for open_exchange in list(self.open.values()):
            open_exchange.abort()
        self.rules, self.used, self.log, self.seen, self.cached = [], {}, [], set(), 0
        exchange.answer_json({})

    def note(self, entry: Entry) -> None:
        """Write the request into the record, which outlives the process; its last line counts."""
        if self.record:
            line = json.dumps({"process": os.getpid(), **entry.describe()})
            with self.record.open("a") as file:
                file.write(line + "\n")


def read_rules(text: bytes) -> list[Rule]:
    return [Rule.model_validate(rule) for rule in json.loads(text)]
