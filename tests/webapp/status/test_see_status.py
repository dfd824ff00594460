"""The state of every part, for people."""

import asyncio
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db.utils import ConnectionHandler
from django.test import Client
from redis import Redis

from tests.model_server import Rule
from tests.webapp.runs.playing import make_run
from tests.workers.backends.asking import make_request, read
from webapp.runs.capabilities import remember
from webapp.runs.recording import redis_now
from webapp.status.cards import count_strangers
from webapp.status.model_figures import ModelFigures, fetch_figures, read_figures
from webapp.status.parts import Down, ask_database, ask_redis
from webapp.status.reporting import Reporter
from workers.backends.openai_server import OpenAIServer
from workers.core.capabilities import Capabilities, Finding

pytestmark = pytest.mark.django_db(transaction=True)
LLAMA_CPP = """# HELP llamacpp:requests_processing Number of requests processing.
# TYPE llamacpp:requests_processing gauge
llamacpp:requests_processing 3
llamacpp:requests_deferred 9
llamacpp:tokens_predicted_total 1234
llamacpp:prompt_tokens_total 77
"""
VLLM = """vllm:num_requests_running{engine="0",model_name="a"} 3.0
vllm:num_requests_running{engine="1",model_name="a"} 2.0
vllm:num_requests_waiting{engine="0",model_name="a"} 0.0
vllm:num_requests_waiting_by_reason{engine="0",model_name="a",reason="capacity"} 5.0
vllm:kv_cache_usage_perc{engine="0",model_name="a"} 0.5
vllm:kv_cache_usage_perc{engine="1",model_name="a"} 0.1
vllm:prefix_cache_queries_total{engine="0",model_name="a"} 200.0
vllm:prefix_cache_hits_total{engine="0",model_name="a"} 50.0
"""


@pytest.fixture(autouse=True)
def nobody_else():
    redis_now().flushall()


def facts(client: Client) -> dict[str, str]:
    """Return what the cards say, label to value; of two cards with one label the last."""
    page = client.get("/status/").content.decode()
    return dict(re.findall(r"<dt>(.*?)</dt><dd.*?>(.*?)</dd>", page))


def test_every_part_is_shown_with_what_it_says(client: Client, served):
    Reporter("runs").write()
    make_run("direct", "direct")

    told = facts(client)

    assert told["Migrations"] == "all applied"
    assert told["Append-only file"] in ("on", "off")
    assert (told["Lanes waiting"], told["Tasks in runs"], told["Workers"]) == ("2", "1", "1")
    assert told["Model"] == "scripted, 32,768 tokens of context"
    assert told["Requests of nobody here"] == "0"
    assert (told["Requests running"], told["Put back for want of cache"]) == ("0", "not exported")


def test_requests_that_no_worker_holds_are_counted():
    figures = read_figures(VLLM)  # five run, none waits

    assert count_strangers(figures, 5.0) == 0
    assert count_strangers(figures, 3.0) == 2
    assert count_strangers(figures, 9.0) == 0, "a report is older than the server's figures"
    assert count_strangers(read_figures(LLAMA_CPP), 4.0) == 8
    assert count_strangers(figures, None) is None
    assert count_strangers(ModelFigures(), 1.0) is None


def test_what_the_model_can_do_is_told_once_a_worker_has_found_out(client: Client, served):
    assert facts(client)["Offers"] == "not found out yet"

    found = {"logprobs": Finding(is_there=True), "embeddings": Finding(is_there=False), "thinking": Finding()}
    remember("scripted", "it", Capabilities.model_validate({"model": "scripted", "findings": found}))

    told = facts(client)
    assert told["Offers"] == "log-probabilities of what it writes"
    assert told["Does not offer"] == "embeddings"


def test_a_queue_that_nobody_takes_from_is_a_problem(client: Client, served):
    Reporter("runs").write()

    page = client.get("/status/").content.decode()

    assert "No worker takes the queue suites." in page
    assert "No worker takes the queue runs." not in page


def test_a_page_whose_model_server_is_down_still_comes_and_says_so(client: Client, unserved):
    response = client.get("/status/")

    assert response.status_code == 200
    assert "The model server at http://127.0.0.1:9/v1 does not answer." in response.content.decode()


def test_parts_that_do_not_answer_are_told_as_such():
    nowhere = ConnectionHandler(
        {"default": {"ENGINE": "django.db.backends.postgresql", "HOST": "/nowhere", "NAME": "retort"}}
    )

    database, redis = ask_database(nowhere["default"]), ask_redis(Redis(port=9))

    assert isinstance(database, Down)
    assert database.reason.startswith("PostgreSQL does not answer (OperationalError).")
    assert redis == Down("Redis does not answer (ConnectionError). Runs wait, and live text is not shown.")


def test_versions_that_run_beside_each_other_are_a_problem(client: Client, served, settings):
    for queue, version in (("runs", "1.0"), ("suites", "1.1")):
        settings.RETORT_VERSION = version
        Reporter(queue).write()

    assert "Processes of several versions run: 1.0, 1.1." in client.get("/status/").content.decode()


async def test_the_model_servers_own_figures_are_read(model_server):
    model_server.script(Rule(replies=("one two three",)))
    async with OpenAIServer(model_server.base_url) as model:
        await read(model, make_request())
        await read(model, make_request())

    seen = await asyncio.to_thread(fetch_figures, model_server.base_url, "")

    assert (seen.running, seen.waiting, seen.written, seen.prefix_hits) == (0, 0, 6, 0.5)


def test_engines_of_one_server_are_taken_together():
    assert read_figures(VLLM) == ModelFigures(running=5, waiting=0, cache=0.3, prefix_hits=0.25)


def test_llama_cpp_is_understood_too():
    assert read_figures(LLAMA_CPP) == ModelFigures(running=3, waiting=9, written=1234, read=77)


@pytest.mark.parametrize(
    "text",
    ["", "<script>", "vllm:num_requests_running NaN", "vllm:num_requests_running -1", "vllm:num_requests_running{ x",
     "vllm:num_requests_running <script>", "vllm:num_requests_running 1e400", "x" * 3_000_000],
)  # fmt: skip
def test_nonsense_is_not_exported(text: str):
    assert read_figures(text) == ModelFigures()


@contextmanager
def answering(*pieces: bytes, wait_seconds: float) -> Iterator[str]:
    """Run a server that answers anything with these pieces, each after a wait; yield its base address."""

    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(wait_seconds)
        except ConnectionError:
            pass
        finally:
            writer.close()

    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(answer, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0.05))
        server.close()
        loop.close()


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"
MOVED = b"HTTP/1.1 302 Found\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n"


def test_a_server_that_answers_drop_by_drop_is_not_waited_for():
    with answering(HEAD, *[b"#"] * 1000, wait_seconds=0.2) as server:
        began = time.monotonic()

        assert fetch_figures(server, "") == ModelFigures()
        assert time.monotonic() - began < 20  # it would take 200 s


def test_an_answer_without_end_is_read_so_far_and_no_further():
    with answering(HEAD + VLLM.encode(), *[b"# more\n" * 10_000] * 1000, wait_seconds=0) as server:
        assert fetch_figures(server, "").running == 5


def test_a_redirect_is_not_followed(model_server):
    with answering(MOVED % f"{model_server.root}/metrics".encode(), wait_seconds=0) as server:
        assert fetch_figures(server, "sk-12345678") == ModelFigures()
