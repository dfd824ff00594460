"""The embedded engines start, answer, keep what they were given, and leave nothing behind."""

import json
import urllib.request
from pathlib import Path

import psycopg
import pytest
import redis as client

from webapp.local import model_server, parts, postgres, redis


def test_postgres_keeps_its_rows_over_a_restart(tmp_path: Path) -> None:
    with postgres.running(tmp_path / "postgres") as url, psycopg.connect(url) as connection:
        connection.execute("create table kept (word text)")
        connection.execute("insert into kept values ('retort')")

    with postgres.running(tmp_path / "postgres") as url, psycopg.connect(url) as connection:
        assert connection.execute("select word from kept").fetchall() == [("retort",)]


def test_redis_keeps_its_keys_over_a_restart(tmp_path: Path) -> None:
    with redis.running(tmp_path / "redis") as url, client.Redis.from_url(url) as connection:
        connection.set("word", "retort")

    with redis.running(tmp_path / "redis") as url, client.Redis.from_url(url) as connection:
        assert connection.get("word") == b"retort"
        assert connection.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_a_stopped_engine_leaves_no_socket(tmp_path: Path) -> None:
    with redis.running(tmp_path / "redis") as url:
        folder = Path(url.removeprefix("unix://").split("?")[0]).parent
        assert folder.stat().st_mode & 0o077 == 0

    assert not folder.exists()


def test_sockets_stay_short_under_a_deep_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / ("deep" * 30)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))

    with parts.private_folder() as folder:
        assert len(bytes(folder / ".s.PGSQL.5432")) <= parts.SOCKET_PATH_BYTES


def test_a_part_that_ends_at_once_is_reported_with_its_last_lines(tmp_path: Path) -> None:
    part = parts.Part(name="poor", command=("sh", "-c", "echo no luck; exit 3"), is_ready=lambda _log: False)

    with pytest.raises(parts.PartError, match=r"poor ended while starting. Its last lines:\nno luck"):
        with parts.running(part, tmp_path / "poor.log"):
            pass


def test_the_embedded_model_answers_with_its_key_only(tmp_path: Path) -> None:
    question = {"messages": [{"role": "user", "content": "What is the capital of France?"}], "max_tokens": 12}

    with model_server.running(tmp_path / "model.log") as address:
        url, body = f"{address.base_url}/chat/completions", json.dumps(question).encode()
        signed = urllib.request.Request(url, body, {"Authorization": f"Bearer {address.api_key}"})
        with urllib.request.urlopen(signed) as response:
            reply = json.load(response)
        with pytest.raises(urllib.error.HTTPError, match="401") as refused:
            urllib.request.urlopen(urllib.request.Request(url, body))
        refused.value.close()

    assert reply["model"] == model_server.NAME
    assert 1 <= reply["usage"]["completion_tokens"] <= 12
    assert address.api_key not in repr(address)
