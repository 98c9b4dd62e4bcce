"""Upper bounds of a run's requests to the endpoints of its judges, as `omniedit plan` prints them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from omniedit.architectures import BASELINES
from omniedit.config.schema import ApiConfig, Config
from omniedit.scoring.canary import canary_pairs
from omniedit.scoring.rubric_registry import api_rubric
from omniedit.scoring.student.defects import DEFECTS
from omniedit.scoring.vlm_judges.api import USUAL_WORDS, estimate_usage
from omniedit.storage.shard_paths import shard_share
from omniedit.vlm.budget import Budget, Prices
from omniedit.vlm.messages import Usage


@dataclass(frozen=True)
class EndpointLoad:
    """One use of an endpoint, such as `candidates`, with its approximate maximum number of pairs.

    Args:
        key: key of the config that holds the endpoint's settings.
    """

    what: str
    pairs: int
    api: ApiConfig
    key: str = "scoring.api"


def endpoint_questions(config: Config) -> list[EndpointLoad]:
    """Return the uses of endpoints; empty if neither judge nor teacher is an endpoint."""
    loads, api = list(_judge_loads(config)), config.scoring.api
    if config.bench.judge == "api":
        models = len(config.train.editors) + len(BASELINES)
        pairs = models * len(config.specialist_tasks) * config.bench.pairs_per_task
        loads.append(EndpointLoad("benchmark", pairs, api))
    if config.scoring.teacher == "api":
        loads.append(EndpointLoad("lessons", count_lessons(config), api))
    return loads


def _judge_loads(config: Config) -> Iterator[EndpointLoad]:
    """Yield the uses of the run's judge, or of each judge of its ensemble."""
    candidates = sum(config.tasks[task].pairs_per_shard for task in config.specialist_tasks) * config.sources.shards
    for name, judge in (config.ensemble_judges or {"": config.scoring}).items():
        if judge.judge != "api":
            continue
        has_own = bool(name) and config.scoring.ensemble.judges[name].api is not None
        key = f"scoring.ensemble.judges.{name}.api" if has_own else "scoring.api"
        by = f" by {name}" if name else ""
        yield EndpointLoad(f"candidates{by}", candidates, judge.api, key)
        if config.scoring.canary:
            yield EndpointLoad(f"canary{by}, twice", 2 * len(canary_pairs()), judge.api, key)


def count_lessons(config: Config) -> int:
    """Return the maximum number of lessons: known defects and, unless the judge is the teacher, unchanged pairs."""
    scoring, shards = config.scoring, config.sources.shards
    shards = min(shards, scoring.teacher_shards or shards)
    of_pair = min(scoring.teacher_defects, len(DEFECTS)) + (scoring.judge != scoring.teacher)
    pairs = 0
    for task in config.specialist_tasks:
        pairs_per_shard = config.tasks[task].pairs_per_shard
        shares = [
            pairs_per_shard if (limit := scoring.teacher_pairs) is None else shard_share(limit, k, shards)
            for k in range(shards)
        ]
        pairs += sum(min(pairs_per_shard, share) for share in shares)
    return pairs * of_pair


def cost(config: Config) -> list[str]:
    """Return lines with the maximum pairs, requests, tokens and money of each use; empty without an endpoint."""
    loads = endpoint_questions(config)
    keys = dict.fromkeys(load.key for load in loads)
    return [line for key in keys for line in _endpoint_cost([load for load in loads if load.key == key])]


def _endpoint_cost(loads: Sequence[EndpointLoad]) -> list[str]:
    """Return the lines of one endpoint."""
    api, key = loads[0].api, loads[0].key
    budget = Budget(prices=Prices(api.prompt_price, api.completion_price))
    of_pair = estimate_usage(api_rubric(api), [USUAL_WORDS], api)
    total = EndpointLoad("total", sum(load.pairs for load in loads), api)
    rows = [*loads, total]
    lines = [f"requests to {api.model} with rubric '{api.rubric}', at most; cached replies are free:"]
    lines += [f"  {row.what}: {row.pairs:,} pairs, {budget.describe(_times(of_pair, row.pairs))}" for row in rows]
    if not budget.prices.known:
        lines.append(f"  the cost is unknown; set {key}.prompt_price and completion_price")
    return lines + _exceeded_limits(api, key, _times(of_pair, total.pairs), budget)


def _exceeded_limits(api: ApiConfig, key: str, usage: Usage, budget: Budget) -> list[str]:
    """Return a line for each limit that could end the run early."""
    limits = {
        "max_requests": (api.max_requests, usage.requests),
        "max_tokens": (api.max_tokens, usage.tokens),
        "max_money": (api.max_money, budget.prices.money(usage)),
    }
    return [
        f"  {key}.{name}: {limit:,g} may end the run before all requests are sent"
        for name, (limit, amount) in limits.items()
        if limit is not None and amount > limit
    ]


def _times(usage: Usage, count: int) -> Usage:
    return Usage(usage.requests * count, usage.prompt_tokens * count, usage.completion_tokens * count)
