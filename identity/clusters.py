"""Parts clusters that cannot be one person, at their weakest links."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Graph:
    """What ties the records of one cluster, by record id, and what parts them.

    `scored` are (weight, left, right). `unlike` are pairs that no score may put
    together, also not by way of a third. `national_ids` are the valid ones of a node,
    `persons` the nodes that describe a person.
    """

    nodes: frozenset[str]
    strong: frozenset[tuple[str, str]]
    scored: frozenset[tuple[float, str, str]]
    same: frozenset[tuple[str, str]]
    different: frozenset[tuple[str, str]]
    unlike: frozenset[tuple[str, str]]
    national_ids: Mapping[str, frozenset[str]]
    persons: frozenset[str]


@dataclass
class _Forest:
    """Disjoint sets that know what they may not hold together."""

    graph: Graph
    parent: dict[str, str] = field(default_factory=dict)
    members: dict[str, set[str]] = field(default_factory=dict)
    national_ids: dict[str, set[str]] = field(default_factory=dict)
    enemies: dict[str, set[str]] = field(default_factory=dict)
    unlike: dict[str, set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for node in self.graph.nodes:
            self.parent[node] = node
            self.members[node] = {node}
            self.national_ids[node] = set(self.graph.national_ids.get(node, ()))
            self.enemies[node] = set()
            self.unlike[node] = set()
        for pairs, kept in (
            (self.graph.different, self.enemies),
            (self.graph.unlike, self.unlike),
        ):
            for one, other in pairs:
                kept[one].add(other)
                kept[other].add(one)

    def root(self, node: str) -> str:
        while self.parent[node] != node:
            self.parent[node] = self.parent[self.parent[node]]
            node = self.parent[node]
        return node

    def are_parted(self, one: str, other: str) -> bool:
        return bool(self.enemies[one] & self.members[other])

    def are_unlike(self, one: str, other: str) -> bool:
        mine, theirs = self.national_ids[one], self.national_ids[other]
        has_other_ids = bool(mine and theirs and mine != theirs)
        return has_other_ids or bool(self.unlike[one] & self.members[other])

    def join(self, one: str, other: str) -> None:
        keep, give = sorted((one, other))
        self.parent[give] = keep
        self.members[keep] |= self.members.pop(give)
        self.national_ids[keep] |= self.national_ids.pop(give)
        self.enemies[keep] |= self.enemies.pop(give)
        self.unlike[keep] |= self.unlike.pop(give)


def parted(graph: Graph, max_persons: int) -> dict[str, str | None]:
    """Return the component of each node of a cluster that cannot be one person.

    Decisions hold first, then strong identifiers, then scores from the highest down; a
    link that would put together what a decision parts, or by score two valid national
    ids or names that differ, is left out. A part with more than `max_persons` person
    records falls back to its strong identifiers; where these alone are too many, it has
    no component. The result depends on the graph alone, not on the order of its rows.
    """
    forest = _Forest(graph)
    _tie(forest, graph.same)
    _tie(forest, graph.strong)
    _link(forest, graph.scored)
    components: dict[str, str | None] = {}
    for root, members in forest.members.items():
        if len(members & graph.persons) <= max_persons:
            components |= dict.fromkeys(members, root)
        else:
            components |= _strong_parts(graph, members, max_persons)
    return components


def _tie(forest: _Forest, certain: Iterable[tuple[str, str]]) -> None:
    """Put together what is certain, but for what a decision parts."""
    for one, other in sorted(certain):
        left, right = forest.root(one), forest.root(other)
        if left != right and not forest.are_parted(left, right):
            forest.join(left, right)


def _link(forest: _Forest, scored: Iterable[tuple[float, str, str]]) -> None:
    """Put together by score, the highest first, what nothing parts."""
    for _, one, other in sorted(scored, key=lambda s: (-s[0], s[1], s[2])):
        left, right = forest.root(one), forest.root(other)
        if (
            left != right
            and not forest.are_parted(left, right)
            and not forest.are_unlike(left, right)
        ):
            forest.join(left, right)


def _strong_parts(
    graph: Graph, members: set[str], max_persons: int
) -> dict[str, str | None]:
    inside = Graph(
        frozenset(members),
        frozenset(e for e in graph.strong if members.issuperset(e)),
        frozenset(),
        frozenset(e for e in graph.same if members.issuperset(e)),
        frozenset(e for e in graph.different if members.issuperset(e)),
        frozenset(),
        graph.national_ids,
        graph.persons,
    )
    forest = _Forest(inside)
    _tie(forest, inside.same)
    _tie(forest, inside.strong)
    components: dict[str, str | None] = {}
    for root, part in forest.members.items():
        is_too_large = len(part & graph.persons) > max_persons
        components |= dict.fromkeys(part, None if is_too_large else root)
    return components
