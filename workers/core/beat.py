"""The beat that streams are read and shown by: what many streams do within it costs one step, not one each."""

BEAT_SECONDS = 0.04
_LEAST_WAIT_SECONDS = 0.002
"""Event loops count milliseconds: one that wakes a little early must not wake twice."""


def next_beat(now: float, *, every: int = 1) -> float:
    """Return the next beat, or of every second, third … beat the next; times are the event loop's, in seconds.

    >>> round(next_beat(1.01), 2), round(next_beat(1.0799), 2), round(next_beat(1.01, every=2), 2)
    (1.04, 1.12, 1.04)
    >>> round(next_beat(1.05, every=2), 2)
    1.12
    """
    beat = BEAT_SECONDS * every
    return ((now + _LEAST_WAIT_SECONDS) // beat + 1) * beat
