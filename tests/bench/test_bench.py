"""The benchmark goes on working: everything that needs neither a browser nor the peers, small and short."""

from tests.bench.__main__ import main


def test_the_benchmark_measures_everything(capsys):
    main(["--quick", "overhead", "throughput", "lag", "queries"])

    printed = capsys.readouterr().out
    for claim in ("self_consistency", "worker over the floor", "token to socket, p99", "leaderboard over"):
        assert claim in printed
