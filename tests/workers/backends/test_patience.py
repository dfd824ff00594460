"""When a call has waited long enough, by a clock of our own."""

from tests.workers.backends.test_reading import delta, event
from workers.backends._patience import LINGER_SECONDS, Patience, Watch
from workers.backends._reading import StreamReader


def test_each_part_of_a_stream_has_its_own_patience() -> None:
    reader = StreamReader("The server", max_tokens=100)
    watch = Watch(Patience(first_token_seconds=30, idle_seconds=2, total_seconds=100), ends_at=100, now=0)

    assert watch.find_deadline(reader) == 30

    reader.feed(b": still here\n\n" + event(delta(content="a")))
    watch.heard_token(now=20)
    assert watch.find_deadline(reader) == 22

    reader.feed(event(delta("stop")))
    assert watch.find_deadline(reader) == 20 + LINGER_SECONDS

    watch.heard_token(now=99)
    assert watch.find_deadline(reader) == 100
    assert "needed more than the 100 s that a call may take" in str(watch.explain("The server", reader))
