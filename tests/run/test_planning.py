"""What makes Snakemake plan faster changes nothing of what it plans."""

import inspect

import pytest
import snakemake.common
import snakemake.rules

from omniedit.run.planning import cache_signatures


def test_a_functions_signature_is_inspected_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (snakemake.common, snakemake.rules):
        monkeypatch.setattr(module, "get_function_params", snakemake.common.get_function_params)
    inspected: list[object] = []
    monkeypatch.setattr(
        inspect, "signature", lambda function, see=inspect.signature: inspected.append(function) or see(function)
    )

    def of_shard(wildcards: object, input: object) -> None: ...

    def of_anything(wildcards: object, **others: object) -> None: ...

    cache_signatures()
    offered = {"input": 1, "threads": 2}
    for _ in range(3):
        assert list(snakemake.rules.get_function_params(of_shard)) == ["wildcards", "input"]
        assert snakemake.common.get_input_function_aux_params(of_shard, offered) == {"input": 1}
        assert snakemake.rules.get_input_function_aux_params(of_anything, offered) == offered
    assert inspected == [of_shard, of_anything]


def test_a_callable_without_a_hash_is_inspected_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (snakemake.common, snakemake.rules):
        monkeypatch.setattr(module, "get_function_params", snakemake.common.get_function_params)

    class Unhashable:
        __hash__ = None  # type: ignore[assignment]

        def __call__(self, wildcards: object) -> None: ...

    cache_signatures()
    assert list(snakemake.rules.get_function_params(Unhashable())) == ["wildcards"]
