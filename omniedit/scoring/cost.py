"""Upper bounds of a run's requests to the endpoint behind `scoring.api`, which `omniedit plan` prints beforehand."""

from dataclasses import dataclass

from omniedit.architectures import BASELINES
from omniedit.config.schema import Config
from omniedit.scoring.canary import canary_pairs
from omniedit.scoring.rubric import api_rubric
from omniedit.scoring.student.defects import DEFECTS
from omniedit.scoring.vlm_judges.api import USUAL_WORDS, estimate_usage
from omniedit.storage.shards import shard_share
from omniedit.vlm.budget import Budget, Prices
from omniedit.vlm.messages import Usage


@dataclass(frozen=True)
class EndpointLoad:
    """Use of the endpoint, such as `candidates`, and its approximate maximum number of pairs."""

    what: str
    pairs: int


def endpoint_questions(config: Config) -> list[EndpointLoad]:
    """Return the uses of the endpoint; empty if it is neither judge nor teacher."""
    loads = []
    if config.scoring.judge == "api":
        candidates = sum(config.tasks[task].pairs_per_shard for task in config.specialist_tasks) * config.sources.shards
        loads.append(EndpointLoad("candidates", candidates))
    if config.bench.judge == "api":
        models = len(config.train.editors) + len(BASELINES)
        loads.append(EndpointLoad("benchmark", models * len(config.specialist_tasks) * config.bench.pairs_per_task))
    if config.scoring.judge == "api" and config.scoring.canary:
        loads.append(EndpointLoad("canary, twice", 2 * len(canary_pairs())))
    if config.scoring.teacher == "api":
        loads.append(EndpointLoad("lessons", lessons_asked(config)))
    return loads


def lessons_asked(config: Config) -> int:
    """Return the largest number of lessons: known defects and, unless the judge is the teacher, pairs as they are."""
    scoring, shards = config.scoring, config.sources.shards
    shards = min(shards, scoring.teacher_shards or shards)
    of_pair = min(scoring.teacher_defects, len(DEFECTS)) + (scoring.judge != scoring.teacher)
    pairs = 0
    for task in config.specialist_tasks:
        made = config.tasks[task].pairs_per_shard
        shares = [
            made if (most := scoring.teacher_pairs) is None else shard_share(most, k, shards) for k in range(shards)
        ]
        pairs += sum(min(made, share) for share in shares)
    return pairs * of_pair


def cost(config: Config) -> list[str]:
    """Return lines with the pairs, requests, tokens and money of each use at most; empty without an endpoint."""
    api = config.scoring.api
    if not (loads := endpoint_questions(config)):
        return []
    budget = Budget(prices=Prices(api.prompt_price, api.completion_price))
    of_pair = estimate_usage(api_rubric(api), [USUAL_WORDS], api)
    total = EndpointLoad("total", sum(each.pairs for each in loads))
    rows = [*loads, total]
    lines = [f"requests to {api.model} with rubric '{api.rubric}', at most; cached replies are free:"]
    lines += [f"  {each.what}: {each.pairs:,} pairs, {budget.describe(_times(of_pair, each.pairs))}" for each in rows]
    if not budget.prices.known:
        lines.append("  the cost is unknown; set scoring.api.prompt_price and completion_price")
    return lines + _exceeded_limits(config, _times(of_pair, total.pairs), budget)


def _exceeded_limits(config: Config, most: Usage, budget: Budget) -> list[str]:
    """Return a line for each limit that could end the run early."""
    api = config.scoring.api
    limits = {
        "max_requests": (api.max_requests, most.requests),
        "max_tokens": (api.max_tokens, most.tokens),
        "max_money": (api.max_money, budget.prices.money(most)),
    }
    return [
        f"  scoring.api.{name}: {limit:,g} may end the run before all requests are sent"
        for name, (limit, amount) in limits.items()
        if limit is not None and amount > limit
    ]


def _times(usage: Usage, count: int) -> Usage:
    return Usage(usage.requests * count, usage.prompt_tokens * count, usage.completion_tokens * count)
