"""Strategies, for programs."""

import random
from typing import Any

from asgiref.sync import async_to_sync
from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import Field

from workers.core.estimate import estimate_cost
from workers.core.strategy import Strategy
from workers.core.values import Sampling
from workers.strategies import catalog

router = Router(tags=["strategies"])


class CostOut(Schema):
    """What one lane with the default parameters and sampling costs at most."""

    calls: int
    depth: int
    total_tokens: int
    critical_path_tokens: int
    peak_context: int


class StrategyOut(Schema):
    """A strategy, its parameters as JSON schema, and its cost."""

    slug: str
    title: str
    family: str
    summary: str
    source: str
    needs: list[str] = Field(description="Of the model server, with default parameters; others may need other things.")
    models: dict[str, str] = Field(description="Parts that may have a model of their own, and what they do.")
    params: dict[str, Any]
    cost: CostOut


@router.get("", response=list[StrategyOut], summary="Every strategy")
def show_all(request: HttpRequest) -> list[StrategyOut]:
    """Return every strategy in the catalog with its parameters, needs and cost."""
    return [_describe(strategy) for strategy in catalog().values()]


def _describe(strategy: Strategy) -> StrategyOut:
    cost = async_to_sync(estimate_cost)(
        strategy, strategy.params(), question="What is 6 times 7?", sampling=Sampling(), random=random.Random(0)
    )
    return StrategyOut(
        slug=strategy.slug, title=strategy.title, family=strategy.family, summary=strategy.summary,
        source=strategy.source, needs=sorted(strategy.needs), models=dict(strategy.models),
        params=strategy.params.model_json_schema(), cost=CostOut(**cost._asdict()),
    )  # fmt: skip
