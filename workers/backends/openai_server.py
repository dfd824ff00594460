"""A model behind an OpenAI-compatible server: vLLM, llama.cpp and their like."""

import asyncio
import random
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from types import TracebackType
from typing import Any, Self

import aiohttp
import orjson
import structlog
from yarl import URL

from workers import metrics
from workers.backends._comparing import compare, read_embeddings, write_embeddings
from workers.backends._pace import Beat, Pace, take_unread
from workers.backends._patience import Patience, Watch
from workers.backends._reading import StreamReader, parse_json
from workers.backends._refusals import (
    MOST_BODY_BYTES,
    Busy,
    HttpAnswer,
    read_chat_status,
    read_failure,
    read_status,
    read_type,
)
from workers.backends._server_info import ServerInfo, read_models, read_size
from workers.backends._text import clean_text
from workers.backends._weighing import read_weighing, write_weighing
from workers.core.errors import ModelError, Refused, StreamCut, Unreachable
from workers.core.model import Chunk, Request, estimate_tokens
from workers.core.values import Usage

log = structlog.get_logger(__name__)
SHORTEST_SECRET = 8
"""A shorter key, such as `local`, is found in ordinary words."""
ASIDE_SECONDS = 10.0
"""How long small questions (models, sizes) and the bodies of refusals may take."""
MOST_ODDS_BYTES = 64 << 20
"""A token with twenty alternatives takes about two thousand."""
COUNT_WHILE_WRITING = "continuous_usage_stats"
NETWORK_ERRORS = (aiohttp.ClientError, OSError)


class OpenAIServer:
    """Streams chat completions, one request for each text.

    Retries are its own, at most `patience.retries`, and told: a chunk with `restarted` comes before each.
    Redirects are not followed; nothing is taken from the environment (proxies, .netrc).
    Use it as `async with OpenAIServer(…) as model`, inside one event loop.
    """

    def __init__(
        self, base_url: str, api_key: str = "", *, patience: Patience | None = None, chance: random.Random | None = None
    ) -> None:
        """Take the address, with or without its final /v1. Raises ValueError when it is none."""
        url = URL(base_url.rstrip("/"))
        if url.scheme not in ("http", "https") or not url.host or url.user or url.password or url.query_string:
            raise ValueError(
                "The model server's address must begin with http:// or https:// and hold no user, password or query, "
                "e.g. http://gpu:8000/v1."
            )
        self._api = url if url.name == "v1" else url / "v1"
        self._chat = self._api / "chat" / "completions"
        self.name = f"The model server at {self._api}"
        """For sentences."""
        self._patience = patience or Patience()
        self._chance = chance or random.Random()
        self._headers = {"Accept-Encoding": "identity", "User-Agent": "retort"}
        self._key = api_key
        if api_key:
            self._headers["Authorization"] = f"Bearer {api_key}"
        self._session: aiohttp.ClientSession | None = None
        self._beat = Beat()
        self._can_tokenize = True
        self._counts_while_writing = True

    async def __aenter__(self) -> Self:
        """Open the session. It has no bound of its own: `LimitedModel` bounds the streams.

        Each request has a connection of its own: llama.cpp promises to keep one after a stream, then hangs up, and a
        request sent meanwhile is lost.
        """
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, force_close=True, ttl_dns_cache=60),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=self._headers,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._patience.connect_seconds),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        if self._session:
            await self._session.close()

    # --- streaming ----------------------------------------------------------------------------------------

    async def stream(self, request: Request) -> AsyncGenerator[Chunk, None]:
        """Yield the text as it comes. Raises Unreachable or StreamCut after the retries, Refused at once."""
        ends_at = asyncio.get_running_loop().time() + self._patience.total_seconds
        for attempt in range(1, self._patience.retries + 2):
            try:
                once = self._begin(request, ends_at)
                async with aclosing(once) as chunks:
                    async for chunk in chunks:
                        yield chunk
                return
            except ModelError as error:
                self._hide_key(error)
                wait = self._wait_seconds(attempt, error, ends_at)
                log.warning("request_failed", call=request.key, attempt=attempt, error=type(error).__name__)
                if wait is None:
                    tried = f" It was tried {attempt} times." if attempt > 1 else ""
                    raise type(error)(f"{error}{tried}") from None
                reason = str(error)
            metrics.RETRIES.inc()
            yield Chunk(restarted=reason)
            await asyncio.sleep(wait)

    def _begin(self, request: Request, ends_at: float) -> AsyncGenerator[Chunk, None]:
        if request.compared:
            return self._compare(request)
        return self._weigh(request) if request.scored else self._try(request, ends_at)

    async def _try(self, request: Request, ends_at: float) -> AsyncGenerator[Chunk, None]:
        """Yield the chunks of one HTTP request."""
        clock = asyncio.get_running_loop().time
        watch = Watch(self._patience, ends_at, clock())
        reader = StreamReader(self.name, request.max_tokens)
        with metrics.open_request() as counted:
            pace = Pace(await self._post(request, ends_at), self._beat)
            try:
                while not reader.is_done and (data := await self._read(pace, reader, watch)):
                    tokens = reader.tokens
                    if chunk := reader.feed(data):
                        yield chunk
                    if reader.tokens > tokens:
                        watch.heard_token(clock())
                        metrics.COMPLETION_TOKENS.inc(reader.tokens - tokens)
                    if clock() > watch.find_deadline(reader):  # only comments came, or tokens for too long
                        reader.fail(watch.explain(self.name, reader))
                last = reader.end()
                counted.finish(reader.finish_reason, last)
                if last:
                    yield last
                if reader.error:
                    raise reader.error
            finally:
                pace.response.close()  # stops the server's work, unless the answer was complete

    async def _weigh(self, request: Request) -> AsyncGenerator[Chunk, None]:
        """Yield the log-probabilities of the text to be scored, in one chunk."""
        path, fields = write_weighing(request)
        with metrics.open_request() as counted:
            seconds = self._patience.first_token_seconds
            answer = await self.fetch("POST", path, fields, seconds=seconds, most_bytes=MOST_ODDS_BYTES)
            if answer.status != 200:
                raise read_chat_status(self.name, answer, request)
            chunk = read_weighing(self.name, parse_json(answer.body), request)
            counted.finish(chunk.finish_reason, chunk)
        yield chunk

    async def _compare(self, request: Request) -> AsyncGenerator[Chunk, None]:
        """Yield how near the texts to be compared are, in one chunk."""
        vectors, counts = list[list[float]](), list[int]()
        with metrics.open_request() as counted:
            seconds = self._patience.first_token_seconds
            for fields in write_embeddings(request):
                answer = await self.fetch("POST", "embeddings", fields, seconds=seconds, most_bytes=MOST_ODDS_BYTES)
                if answer.status != 200:
                    raise read_status(self.name, answer)
                found, usage = read_embeddings(self.name, parse_json(answer.body), len(fields["input"]))
                vectors += found
                counts.append(usage.prompt_tokens)
            usage_of_all = Usage(prompt_tokens=sum(counts)) if all(counts) else None  # or else it is estimated
            chunk = compare(self.name, vectors, usage_of_all)
            counted.finish(chunk.finish_reason, chunk)
        yield chunk

    async def _post(self, request: Request, ends_at: float) -> aiohttp.ClientResponse:
        """Return the open stream. Raises ModelError when the server does not give one."""
        response = await self._send(request, ends_at)
        if response.status == 200 and response.content_type == "text/event-stream":
            return response
        try:
            if response.status == 200:
                raise read_type(self.name, response.content_type)
            answer = await _read_answer(response)
        finally:
            response.close()
        if self._counts_while_writing and answer.status in (400, 422) and COUNT_WHILE_WRITING.encode() in answer.body:
            self._counts_while_writing = False  # a strict server that does not know this wish
            return await self._post(request, ends_at)
        raise read_chat_status(self.name, answer, request)

    async def _send(self, request: Request, ends_at: float) -> aiohttp.ClientResponse:
        deadline = min(asyncio.get_running_loop().time() + self._patience.first_token_seconds, ends_at)
        body = _body(request, counts_while_writing=self._counts_while_writing)
        try:
            async with asyncio.timeout_at(deadline) as timeout:
                return await self._client.post(self._chat, data=body, headers=_JSON, allow_redirects=False)
        except NETWORK_ERRORS as error:
            if isinstance(error, TimeoutError) and timeout.expired():
                waited = f"{self._patience.first_token_seconds:g} s"
                raise StreamCut(f"{self.name} gave no answer within {waited}. It may be overloaded.") from None
            raise read_failure(self.name, error) from None

    async def _read(self, pace: Pace, reader: StreamReader, watch: Watch) -> bytes:
        """Return the next bytes; none at the end of the stream, and when it breaks or falls silent."""
        content = pace.content
        if reader.tokens:  # the first is not kept waiting
            await pace.rest()
        try:
            if data := content.read_nowait():
                return data
            async with asyncio.timeout_at(watch.find_deadline(reader)):
                return await content.readany()
        except TimeoutError:
            with suppress(*NETWORK_ERRORS):
                if data := content.read_nowait():  # it was this process that was late
                    return data
            reader.fail(watch.explain(self.name, reader))
        except NETWORK_ERRORS:
            if data := take_unread(content):
                return data
            reader.fail(
                StreamCut(f"{self.name} broke the stream off after {reader.written}; the text is kept as cut off.")
            )
        return b""

    def _wait_seconds(self, attempt: int, error: ModelError, ends_at: float) -> float | None:
        """Return how long to wait before trying again, or None to give up."""
        if isinstance(error, Refused):
            return None
        wait = self._patience.backoff_seconds * 2 ** (attempt - 1) * (1 + self._chance.random())
        if isinstance(error, Busy):
            wait = max(wait, error.wait_seconds)
        is_too_long = wait > max(self._patience.longest_wait_seconds, self._patience.backoff_seconds * 8)
        is_too_late = asyncio.get_running_loop().time() + wait >= ends_at
        return None if is_too_long or is_too_late or attempt > self._patience.retries else wait

    def _hide_key(self, error: ModelError) -> None:
        """Take our key out of what the server said: some repeat it, and errors are stored and shown."""
        if len(self._key) >= SHORTEST_SECRET:
            error.args = (str(error).replace(self._key, "***"),)

    # --- asking aside -------------------------------------------------------------------------------------

    async def count_tokens(self, text: str) -> int:
        """Count with the server's tokenizer (vLLM's and llama.cpp's /tokenize); estimate where there is none."""
        if self._can_tokenize:
            text = clean_text(text)
            body = {"prompt": text, "add_special_tokens": False, "content": text}  # vLLM reads the first two
            try:
                tokens = read_size(await self._ask("POST", "/tokenize", body))
            except Unreachable:
                return estimate_tokens(text)  # this once
            except Refused:
                tokens = None
            if tokens is not None:
                return tokens
            self._can_tokenize = False
        return estimate_tokens(text)

    async def ask_server(self) -> ServerInfo:
        """Return the server's models and what they can hold. Raises ModelError."""
        answer = read_models(await self._ask("GET", "models"))
        if answer is None:
            raise Unreachable(f"{self.name} does not list its models at /models. Check VLLM_BASE_URL.")
        return answer

    async def list_models(self) -> tuple[str, ...]:
        """Return the names of the server's models. Raises ModelError."""
        return (await self.ask_server()).models

    async def fetch(
        self,
        method: str,
        path: str,
        fields: Mapping[str, Any] | None = None,
        *,
        seconds: float = ASIDE_SECONDS,
        most_bytes: int = MOST_BODY_BYTES,
    ) -> HttpAnswer:
        """Return the answer to a small question, whatever its status. Raises ModelError when there is none.

        `path` is one of the API, e.g. `models`, or of the server when it begins with a slash, e.g. `/version`.
        """
        url = self._api.parent / path[1:] if path.startswith("/") else self._api / path
        body = None if fields is None else orjson.dumps(fields)
        try:
            async with (
                asyncio.timeout(seconds),
                self._client.request(method, url, data=body, headers=_JSON, allow_redirects=False) as response,
            ):
                answer = await _read_answer(response, most_bytes)
        except NETWORK_ERRORS as error:
            raise read_failure(self.name, error) from None
        if len(self._key) >= SHORTEST_SECRET:  # some servers repeat it, and errors are stored and shown
            answer = answer._replace(body=answer.body.replace(self._key.encode(), b"***"))
        return answer

    async def _ask(self, method: str, path: str, fields: Mapping[str, Any] | None = None) -> Any:
        """Return the JSON of a small answer, or None when it is none. Raises ModelError."""
        answer = await self.fetch(method, path, fields)
        if answer.status != 200:
            raise read_status(self.name, answer)
        return parse_json(answer.body)

    @property
    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("OpenAIServer is used before it is entered; write: async with OpenAIServer(…) as model.")
        return self._session


_JSON = {"Content-Type": "application/json"}


def _body(request: Request, *, counts_while_writing: bool) -> bytes:
    """Return the request as JSON: these fields and no others."""
    options = {"include_usage": True}
    if counts_while_writing:  # vLLM and SGLang then count exactly, also what a cancelled call wrote
        options[COUNT_WHILE_WRITING] = True
    fields: dict[str, Any] = {
        "model": request.model,
        "messages": [{"role": message.role, "content": clean_text(message.content)} for message in request.messages],
        "temperature": request.temperature,
        "top_p": request.top_p,
        "max_tokens": request.max_tokens,
        "seed": request.seed,
        "stream": True,
        "stream_options": options,
    }
    if request.stop:
        fields["stop"] = list(request.stop)
    if request.continues:
        fields |= {"continue_final_message": True, "add_generation_prompt": False}
    if request.top_logprobs is not None:
        fields |= {"logprobs": True, "top_logprobs": request.top_logprobs}
    if request.effort:
        fields["reasoning_effort"] = request.effort
    if request.thinking_tokens is not None:
        fields["thinking_token_budget"] = request.thinking_tokens
    return orjson.dumps(fields)


async def _read_answer(response: aiohttp.ClientResponse, most_bytes: int = MOST_BODY_BYTES) -> HttpAnswer:
    """Read a small answer, or the beginning of a large one."""
    body = b""
    with suppress(*NETWORK_ERRORS):
        async with asyncio.timeout(ASIDE_SECONDS):
            while len(body) < most_bytes and (data := await response.content.readany()):
                body += data
    return HttpAnswer(response.status, response.headers, body[:most_bytes])
