"""Leaderboards, for programs."""

from ninja import Router

router = Router(tags=["leaderboards"])
