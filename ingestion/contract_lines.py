"""Finds the line of a contract that a person is to edit."""

from __future__ import annotations

from pathlib import Path

import yaml


def contract_place(path: Path, feed: str, column: str | None = None) -> str:
    """Return `file line N` of a feed, or of one of its columns.

    Only the file's name where the line cannot be told.
    """
    try:
        node = feed_node(path.read_text(encoding="utf-8"), feed)
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return path.name
    if column is not None:
        node = item_named(value_node(node, "properties"), column) or node
    if node is None:
        return path.name
    return f"{path.name} line {int(node.start_mark.line) + 1}"


def feed_node(text: str, feed: str) -> yaml.Node | None:
    """Return the node of a feed in a contract's text."""
    root = yaml.compose(text, yaml.SafeLoader)
    return item_named(value_node(root, "schema"), feed)


def value_node(node: yaml.Node | None, key: str) -> yaml.Node | None:
    """Return the value of a key of a mapping, None where it has none."""
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((v for k, v in node.value if k.value == key), None)


def item_named(
    node: yaml.Node | None, name: str, key: str = "name"
) -> yaml.Node | None:
    """Return the item of a sequence whose `key` is this name."""
    if not isinstance(node, yaml.SequenceNode):
        return None
    for item in node.value:
        found = value_node(item, key)
        if isinstance(found, yaml.ScalarNode) and found.value == name:
            return item  # type: ignore[no-any-return]
    return None
