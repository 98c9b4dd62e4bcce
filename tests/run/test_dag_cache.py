"""Tests for the planning caches: they do not change what Snakemake plans."""

import inspect

import pytest
import snakemake.common
import snakemake.rules
from snakemake.output_index import OutputIndex

from omniedit.run.dag_cache import cache_planning


def test_function_signature_is_inspected_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (snakemake.common, snakemake.rules):
        monkeypatch.setattr(module, "get_function_params", snakemake.common.get_function_params)
    inspected: list[object] = []
    monkeypatch.setattr(
        inspect, "signature", lambda function, see=inspect.signature: inspected.append(function) or see(function)
    )

    def of_shard(wildcards: object, input: object) -> None: ...

    def of_anything(wildcards: object, **others: object) -> None: ...

    cache_planning()
    offered = {"input": 1, "threads": 2}
    for _ in range(3):
        assert list(snakemake.rules.get_function_params(of_shard)) == ["wildcards", "input"]
        assert snakemake.common.get_input_function_aux_params(of_shard, offered) == {"input": 1}
        assert snakemake.rules.get_input_function_aux_params(of_anything, offered) == offered
    assert inspected == [of_shard, of_anything]


def test_unhashable_callable_is_inspected_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (snakemake.common, snakemake.rules):
        monkeypatch.setattr(module, "get_function_params", snakemake.common.get_function_params)

    class Unhashable:
        __hash__ = None  # type: ignore[assignment]

        def __call__(self, wildcards: object) -> None: ...

    cache_planning()
    assert list(snakemake.rules.get_function_params(Unhashable())) == ["wildcards"]


def test_producers_of_a_file_are_looked_up_once_per_index(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up: list[str] = []

    def match_producers(index: OutputIndex, targetfile: str) -> set[str]:
        looked_up.append(targetfile)
        return {f"rule of {targetfile}"}

    monkeypatch.setattr(OutputIndex, "match_producers", match_producers)
    cache_planning()
    cache_planning()  # as a second workflow in one process does
    index, another = OutputIndex([]), OutputIndex([])
    index.match_producers("a.h5").clear()
    assert index.match_producers("a.h5") == {"rule of a.h5"}
    assert index.match_producers("b.h5") == {"rule of b.h5"}
    assert looked_up == ["a.h5", "b.h5"]
    another.match_producers("a.h5")
    assert looked_up == ["a.h5", "b.h5", "a.h5"]
