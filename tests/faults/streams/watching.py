"""A viewer by the browser's rules (static/js/run/socket.js) that reads when it is told to, without a network."""

from typing import Any

import orjson

from tests.faults.reducing import RunState
from tests.webapp.runs.sockets import Socket

NOWHERE = -1
NAMES = ("state", "text", "retries")


class Watcher:
    """One browser tab. What it was sent stands in `frames`, for the browser's own code to read again."""

    def __init__(self, run_id: str, lane_ids: list[int]) -> None:
        self.lane_ids = lane_ids
        self.state = RunState(lane_ids)
        self.cursor, self.epoch = NOWHERE, ""
        self.is_over = False
        self.frames: list[dict[str, Any]] = []
        self.holes: list[int] = []
        """Numbers of the frames that did not join on."""
        self._run_id = run_id
        self._socket: Socket | None = None

    @property
    def is_connected(self) -> bool:
        return self._socket is not None

    async def connect(self) -> None:
        query = "" if self.cursor == NOWHERE else f"?after={self.cursor}&epoch={self.epoch}"
        self._socket = Socket(f"/ws/runs/{self._run_id}{query}")
        assert await self._socket.connect()

    async def disconnect(self) -> None:
        """Leave; what came and was not read is lost."""
        if self._socket is not None:
            socket, self._socket = self._socket, None
            await socket.close()

    def forget_socket(self) -> None:
        """Notice that the server has gone."""
        self._socket = None

    async def read(self, most: int = 1_000_000) -> None:
        """Take what has come, at most so many messages; at a hole, leave: what follows is not shown."""
        if self._socket is None:
            return
        for message in self._socket.take_waiting(most):
            if message["type"] == "websocket.close":
                assert message["code"] == 1000, f"closed with {message['code']}"
                await self.disconnect()
                return
            if not self.take(orjson.loads(message["text"])):
                self.cursor = NOWHERE
                self.holes.append(len(self.frames) - 1)
                await self.disconnect()
                return

    def take(self, frame: dict[str, Any]) -> bool:
        """Show a frame; False at a hole."""
        self.frames.append(frame)
        self.is_over = self.is_over or bool(frame.get("ended"))
        if frame.get("snapshot"):
            self.cursor, self.epoch = frame["cursor"], frame["epoch"]
            self.state = RunState(self.lane_ids)
            self.state.apply(frame["events"])
            self.state.status = frame["status"]
        elif "events" in frame:
            assert (frame["prev"], frame["epoch"]) == (self.cursor, self.epoch), "the server left a gap"
            self.cursor = frame["cursor"]
            return self.state.apply(frame["events"])
        return True

    def describe(self) -> dict[str, Any]:
        """Return what it was sent and knows, for tests/js/follow.mjs to do again."""
        lanes = [
            [lane_id, lane.state, sorted([key, *(call[name] for name in NAMES)] for key, call in lane.calls.items())]
            for lane_id, lane in self.state.lanes.items()
        ]
        known = {"status": self.state.status, "lanes": lanes}
        return {"lanes": self.lane_ids, "frames": self.frames, "holes": self.holes, "known": known}
