"""Comments of a config file by key."""

from collections.abc import Iterator

import yaml


def comments_by_key(text: str) -> dict[str, str]:
    """Return the comments of every value: on its line, above it, and at the sections that contain it."""
    lines = text.splitlines()

    def comment(row: int) -> str:
        above = row
        while above and lines[above - 1].lstrip().startswith("#"):
            above -= 1
        return " ".join(line.partition("#")[2] for line in lines[above : row + 1])

    def walk(node: yaml.Node, key: str, said: str) -> Iterator[tuple[str, str]]:
        if not isinstance(node, yaml.MappingNode):
            yield key, said
            return
        for name, value in node.value:
            yield from walk(value, f"{key}.{name.value}".lstrip("."), f"{said} {comment(name.start_mark.line)}")

    return dict(walk(yaml.compose(text), "", ""))
