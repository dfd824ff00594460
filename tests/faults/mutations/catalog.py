"""The faults that are put into the code, and the tests that must find each."""

from typing import NamedTuple


class Mutation(NamedTuple):
    """A small change of one file; each of the tests must fail with it."""

    name: str
    path: str
    old: str
    """Stands exactly once in the file."""
    new: str
    tests: tuple[str, ...]
    """What pytest is given, or a file of Node's."""


VIEWERS = "tests/faults/streams/test_flapping_viewers.py"
MATRIX = "tests/faults/streams/test_stream_matrix.py"
LINE = "tests/faults/streams/test_streams_over_the_line.py"
OUTBOX = "tests/workers/live/test_outbox.py"
LANES = "tests/webapp/runs/test_run_lanes.py"
PLACE = "tests/js/place.test.mjs"

MUTATIONS = (
    Mutation(
        "drop one delta", "workers/live/outbox.py",
        "        self._parts.append(event.text)\n",
        "        if len(self._parts) != 2:\n            self._parts.append(event.text)\n",
        (f"{OUTBOX}::test_nothing_is_lost_or_reordered_however_it_is_flushed",),
    ),
    Mutation(
        "drop one token", "workers/backends/_reading.py",
        "                texts.append(self._cleaners[0].clean(content))\n",
        "                texts.append(self._cleaners[0].clean(content) if len(texts) != 1 else '')\n",
        (MATRIX, f"{LINE}::test_a_lane_stores_what_the_server_said"),
    ),
    Mutation(
        "swap two deltas", "workers/live/outbox.py",
        "        self._parts.append(event.text)\n",
        "        self._parts.insert(-1, event.text)\n",
        (f"{OUTBOX}::test_nothing_is_lost_or_reordered_however_it_is_flushed",),
    ),
    Mutation(
        "publish before saving", "workers/live/outbox.py",
        "            await self._save(facts, prompts)\n        await self._publish(events, oldest)\n",
        "            await self._publish(events, oldest)\n            await self._save(facts, prompts)\n"
        "        else:\n            await self._publish(events, oldest)\n",
        (f"{OUTBOX}::test_facts_are_saved_before_they_are_published",),
    ),
    Mutation(
        "tell a lane's end twice", "workers/running.py",
        "        self._listen(ending)\n",
        "        self._listen(ending)\n        self._listen(ending)\n",
        (f"{LANES}::test_every_lane_of_a_comparison_ends_with_a_verdict",),
    ),
    Mutation(
        "ignore the fence", "webapp/runs/recording.py",
        "        raise FencedOff(lost)\n",
        "        pass\n",
        (f"{LANES}::test_a_worker_that_lost_its_lane_can_write_nothing",),
    ),
    Mutation(
        "claim what somebody has", "webapp/runs/claiming.py",
        "    waiting = Lane.objects.filter(pk=lane_id, status=Status.QUEUED)\n",
        "    waiting = Lane.objects.filter(pk=lane_id)\n",
        (f"{LANES}::test_a_lane_is_claimed_once",),
    ),
    Mutation(
        "take a clean close for the end", "workers/backends/_reading.py",
        "        text, thinking = (cleaner.end() for cleaner in self._cleaners)\n",
        '        text, thinking = (cleaner.end() for cleaner in self._cleaners)\n'
        '        self.finish_reason = self.finish_reason or (None if self.error else "stop")\n',
        (MATRIX, f"{LINE}::test_a_line_says_what_its_parts_say"),
    ),
    Mutation(
        "lose a half character", "workers/backends/_text.py",
        "            text, self._held = text[:-1], text[-1]\n",
        "            text = text[:-1]\n",
        (MATRIX,),
    ),
    Mutation(
        "ask again what was refused", "workers/backends/openai_server.py",
        "        if isinstance(error, Refused):\n            return None\n",
        "",
        ("tests/faults/streams/test_refusing_servers.py",),
    ),
    Mutation(
        "ask a finished call again", "workers/backends/replay.py",
        "        call = self._recorded.get(request.key)\n",
        "        call = None\n",
        (f"{LANES}::test_a_lane_that_was_left_behind_asks_no_finished_call_again",),
    ),
    Mutation(
        "an entry with nothing in it", "workers/crew.py",
        "        if ours:\n            await self._publish(ours, since)\n",
        "        await self._publish(ours, since)\n",
        ("tests/webapp/runs/test_recover_from_a_halt.py",),
    ),
    Mutation(
        "an offset without an epoch", "webapp/runs/tailing.py",
        "    if position.epoch != end.epoch:\n        return False\n",
        "",
        (VIEWERS,),
    ),
    Mutation(
        "go on behind a hole in the log", "webapp/runs/tailing.py",
        "    return first == position.offset + 1 and last == position.offset + len(entries)\n",
        "    return first > position.offset and last >= first\n",
        (VIEWERS, "tests/webapp/runs/test_watch_run.py::test_a_trimmed_log_is_answered_with_a_snapshot"),
    ),
    Mutation(
        "a queue without bounds", "webapp/runs/viewers.py",
        "        if self._waiting_bytes > MOST_WAITING_BYTES:\n",
        "        if self._waiting_bytes < 0:\n",
        ("tests/webapp/runs/test_share_a_run.py::"
         "test_a_viewer_that_takes_nothing_is_given_up_after_a_megabyte_and_holds_up_nobody",),
    ),
    Mutation(
        "a browser that knows no holes", "static/js/run/place.js",
        "    if (frame.prev !== cursor || frame.epoch !== epoch) return false;\n",
        "    if (frame.epoch !== epoch) return false;\n",
        (PLACE,),
    ),
    Mutation(
        "a browser that knows no epoch", "static/js/run/place.js",
        "    if (frame.prev !== cursor || frame.epoch !== epoch) return false;\n",
        "    if (frame.prev !== cursor) return false;\n",
        (PLACE,),
    ),
    Mutation(
        "a browser that keeps void text", "static/js/run/reduce.js",
        '  Object.assign(call, { text: "", thinking: "",',
        "  Object.assign(call, {",
        ("tests/js/reduce.test.mjs",),
    ),
)  # fmt: skip
