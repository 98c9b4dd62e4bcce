"""YAML without the mistakes that PyYAML accepts."""

from typing import Any

import yaml


class Strict:
    """Mixin that rejects faults that PyYAML accepts or crashes on, and gives their line: repeated keys (PyYAML takes
    the last value), half of a surrogate pair (no file can hold it), dates and numbers that Python cannot hold, and a
    value that contains itself.
    """

    _outer: tuple[yaml.Node, ...] = ()

    def compose_node(self, parent: yaml.Node | None, index: Any) -> Any:
        outer = self._outer
        self._outer = outer if parent is None else (*outer, parent)
        node = super().compose_node(parent, index)  # type: ignore[misc]
        if any(node is each for each in self._outer):
            raise yaml.MarkedYAMLError(problem="a value that contains itself", problem_mark=node.start_mark)
        self._outer = outer
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            value = super().construct_object(node, deep)  # type: ignore[misc]
            if isinstance(value, str):
                value.encode()
        except ValueError as error:
            problem = f"{node.value[:40]!a} cannot be read ({error}); put it in quotes, or correct it"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark) from None
        return value

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for number, key in enumerate(keys):
            if any((key.tag, key.value) == (other.tag, other.value) for other in keys[:number]):
                raise yaml.MarkedYAMLError(problem=f"the key '{key.value}' is given twice", problem_mark=key.start_mark)
        return super().construct_mapping(node, deep)  # type: ignore[misc]


class StrictLoader(Strict, yaml.SafeLoader):
    """PyYAML's safe loader with the checks of `Strict`."""
