"""Scripts and styles come before Django, whole and checked; a page names all modules that it needs."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.test import Client

from tests.webapp.runs.playing import make_run
from webapp.lib.modules import list_modules
from webapp.lib.static_files import with_static_files

SHEET = "/static/css/site.css"
ENTRIES = ("js/run/main.js", "js/new/main.js", "js/catalog/example.js")


async def pass_on(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 418, "headers": []})
    await send({"type": "http.response.body", "body": b"Django"})


def ask(method: str, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": method, "path": path, "headers": named}
    asyncio.run(with_static_files(pass_on)(scope, None, send))  # type: ignore[arg-type]
    start, end = sent
    return start["status"], {name.decode(): value.decode() for name, value in start["headers"]}, end["body"]


def test_a_file_comes_whole_with_its_type():
    status, headers, body = ask("GET", SHEET)

    assert (status, headers["content-type"], headers["x-content-type-options"]) == (
        200,
        'text/css; charset="utf-8"',
        "nosniff",
    )
    assert int(headers["content-length"]) == len(body) > 100


def test_who_has_it_is_told_so():
    _, headers, _ = ask("GET", SHEET)

    status, _, body = ask("GET", SHEET, if_modified_since=headers["last-modified"])

    assert (status, body) == (304, b"")


def test_a_part_can_be_asked_for():
    assert ask("GET", SHEET, range="bytes=0-1")[::2] == (206, b"/*")


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("POST", 405)])
def test_no_other_way_of_asking_gets_a_body(method: str, status: int):
    assert ask(method, SHEET)[::2] == (status, b"")


@pytest.mark.parametrize("path", ["/static/css/none.css", "/static/../manage.py", "/static/", "/runs"])
def test_everything_else_is_for_django(path: str):
    assert ask("GET", path)[::2] == (418, b"Django")


@pytest.mark.parametrize("entry", ENTRIES)
def test_what_a_listed_module_imports_is_listed(entry: str):
    listed = list_modules(entry)

    assert len(listed) == len(set(listed))
    for path in listed:
        script = Path(str(finders.find(path))).read_text("utf-8")
        ends = re.findall(r"""^(?:[^/*].*|)\bfrom ["']([^"']+)["'];$""", script, re.M)
        names = {name.rsplit("/", 1)[-1] for name in ends if name.startswith(".")}
        assert names <= {each.rsplit("/", 1)[-1] for each in listed}, path
    assert not any("vendor" in path for path in listed)


def test_a_module_that_is_not_there_is_a_fault():
    with pytest.raises(FileNotFoundError, match=r"'js/none\.js'"):
        list_modules("js/none.js")


@pytest.mark.django_db
def test_the_run_page_names_all_its_modules(client: Client):
    run = make_run("direct")

    page = client.get(f"/r/{run.id}/").content.decode()

    named = re.findall(r'<link rel="modulepreload" href="/static/([^"]+)">', page)
    assert named == list(list_modules("js/run/main.js"))
    assert "js/run/race.js" in named
