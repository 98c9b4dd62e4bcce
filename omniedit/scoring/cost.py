"""What a run may ask of the endpoint behind `scoring.api`, told before it is started: `omniedit plan`."""

from dataclasses import dataclass

from omniedit.config.schema import BASELINES, Config
from omniedit.scoring.canary import canary_pairs
from omniedit.scoring.rubric import load_rubric
from omniedit.scoring.student.defects import DEFECTS
from omniedit.scoring.vlm_judges.api import USUAL_WORDS, estimate_usage
from omniedit.storage.shards import shard_share
from omniedit.vlm.budget import Budget, Prices
from omniedit.vlm.endpoint import Usage


@dataclass(frozen=True)
class EndpointLoad:
    """A job of the endpoint, and about how many pairs it is asked for that at most."""

    what: str
    pairs: int


def endpoint_questions(config: Config) -> list[EndpointLoad]:
    """Nothing where no endpoint judges or teaches."""
    asked = []
    if config.scoring.judge == "api":
        candidates = sum(config.tasks[task].pairs_per_shard for task in config.tasks.enabled) * config.sources.shards
        asked.append(EndpointLoad("candidates", candidates))
    if config.bench.judge == "api":
        models = len(config.train.editors) + len(BASELINES)
        asked.append(EndpointLoad("benchmark", models * len(config.tasks.enabled) * config.bench.pairs_per_task))
    if config.scoring.judge == "api" and config.scoring.canary:
        asked.append(EndpointLoad("canary, twice", 2 * len(canary_pairs())))
    if config.scoring.teacher == "api":
        asked.append(EndpointLoad("lessons", lessons_asked(config)))
    return asked


def lessons_asked(config: Config) -> int:
    """Pairs as they are, which a judge that is the teacher has scored before, and known defects of them."""
    scoring, shards = config.scoring, config.sources.shards
    shards = min(shards, scoring.teacher_shards or shards)
    of_pair = min(scoring.teacher_defects, len(DEFECTS)) + (scoring.judge != scoring.teacher)
    pairs = 0
    for task in config.tasks.enabled:
        made = config.tasks[task].pairs_per_shard
        shares = [
            made if (most := scoring.teacher_pairs) is None else shard_share(most, k, shards) for k in range(shards)
        ]
        pairs += sum(min(made, share) for share in shares)
    return pairs * of_pair


def cost(config: Config) -> list[str]:
    """Lines with the pairs, requests, tokens and money that each may take at most; none without an endpoint."""
    api = config.scoring.api
    if not (asked := endpoint_questions(config)):
        return []
    budget = Budget(prices=Prices(api.prompt_price, api.completion_price))
    of_pair = estimate_usage(load_rubric(api.rubric), [USUAL_WORDS], api)
    total = EndpointLoad("in all", sum(each.pairs for each in asked))
    rows = [*asked, total]
    lines = [f"asked of {api.model} by rubric '{api.rubric}' at most, less what the cache holds:"]
    lines += [f"  {each.what}: {each.pairs:,} pairs, {budget.describe(_times(of_pair, each.pairs))}" for each in rows]
    if not budget.prices.known:
        lines.append("  what that costs is not known: scoring.api.prompt_price and completion_price say")
    return lines + _exceeded_limits(config, _times(of_pair, total.pairs), budget)


def _exceeded_limits(config: Config, most: Usage, budget: Budget) -> list[str]:
    """The limits that would end the run before all is asked."""
    api = config.scoring.api
    limits = {
        "max_requests": (api.max_requests, most.requests),
        "max_tokens": (api.max_tokens, most.tokens),
        "max_money": (api.max_money, budget.prices.money(most)),
    }
    return [
        f"  scoring.api.{name}: {limit:,g} may end the run before all is asked"
        for name, (limit, amount) in limits.items()
        if limit is not None and amount > limit
    ]


def _times(usage: Usage, count: int) -> Usage:
    return Usage(usage.requests * count, usage.prompt_tokens * count, usage.completion_tokens * count)
