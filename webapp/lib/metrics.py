"""What the web processes count, for Prometheus; in the one registry of the process, see workers/metrics.py."""

from prometheus_client import Counter, Gauge, Histogram

from workers.metrics import REGISTRY

VIEWERS = Gauge("retort_viewers", "Viewers connected, by how: websocket or sse.", ["over"], registry=REGISTRY)
LAG_SECONDS = Histogram(
    "retort_lag_seconds",
    "From a token's arrival at the worker to its frame being given to a viewer's socket, by the clocks of both.",
    registry=REGISTRY, buckets=(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2, 5, 10, 30),
)  # fmt: skip
FRAMES = Counter("retort_frames", "Frames given to viewers.", registry=REGISTRY)
FRAME_BYTES = Counter("retort_frame_bytes", "Bytes of those frames.", registry=REGISTRY)
SLOW_CLOSED = Counter("retort_slow_viewers_closed", "Viewers who read too slowly and were told to come back.",
                      registry=REGISTRY)  # fmt: skip
RESYNCS = Counter("retort_resyncs", "Snapshots sent because a viewer's place could not be continued, by why.",
                  ["reason"], registry=REGISTRY)  # fmt: skip
