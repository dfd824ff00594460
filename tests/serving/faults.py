"""Answers that go wrong, in the ways that servers and networks know."""

import asyncio
import json

from tests.serving.answering import Entry
from tests.serving.http import Exchange
from tests.serving.rules import Rule


def answer_instead(rule: Rule, exchange: Exchange, entry: Entry) -> bool:
    """Send what the rule wants in place of an answer; return whether it does."""
    options = entry.body.get("stream_options") or {}
    if rule.is_strict and (unknown := sorted(set(options) - {"include_usage"})):
        exchange.refuse(400, f"Unknown parameter: 'stream_options.{unknown[0]}'.")
        entry.end("status 400")
        return True
    match rule.fault:
        case "status":
            headers = {"Retry_After": rule.retry_after} if rule.retry_after else {}
            exchange.refuse(rule.status, "Something went wrong, <b>by script</b>.", **headers)
        case "redirect":
            exchange.answer(307, b"", Location="/v1/chat/completions?again")
        case "html":
            exchange.answer(200, b"<!doctype html><title>Welcome</title>", kind="text/html")
        case "empty":
            exchange.answer(200, b"", kind="text/event-stream")
        case "hang_up":
            exchange.abort()
        case _:
            return False
    entry.end(f"fault {rule.fault}")
    return True


async def fail(rule: Rule, exchange: Exchange, entry: Entry) -> None:
    """Break a stream that has begun."""
    if rule.fault == "hang":
        await asyncio.Event().wait()
    while rule.fault == "comments":
        await exchange.send(b": still here\n\n")
        await asyncio.sleep(0.005)
    entry.end(f"fault {rule.fault}")
    if rule.fault == "break":
        exchange.abort()
        return
    error = {"error": {"message": "The engine died.", "type": "InternalServerError", "code": rule.status}}
    last = {
        "error": f"data: {json.dumps(error)}\n\ndata: [DONE]\n\n".encode(),
        "garbage": b'data: {"choices": [{"delta"\n\n',
        "huge": b"data: " + b"x" * 2_000_000,
    }
    if rule.fault in last:
        await exchange.send(last[rule.fault])
    exchange.end()


async def write_raw(rule: Rule, exchange: Exchange, entry: Entry) -> None:
    """Send the rule's bytes, and end as it says."""
    for piece in rule.raw or ():
        await asyncio.sleep(piece.wait_seconds)
        if piece.data:
            exchange.write(piece.data)
    match rule.raw_end:
        case "close":
            exchange.close()
        case "abort":
            exchange.abort()
        case "half_close":
            exchange.write_eof()
            await asyncio.Event().wait()
        case "stall":
            await asyncio.Event().wait()
    entry.end(f"raw {rule.raw_end}")
