"""Components are those of networkx, in few rounds."""

from __future__ import annotations

import itertools
import random

import duckdb
import networkx as nx
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from identity.components import label_components


def labelled(
    nodes: list[int], edges: list[tuple[int, int]]
) -> tuple[dict[int, int], int]:
    with duckdb.connect() as connection:
        for name, table in {
            "some_nodes": pa.table({"node": pa.array(nodes, pa.int64())}),
            "some_edges": pa.table(
                {
                    "left_node": pa.array([a for a, _ in edges], pa.int64()),
                    "right_node": pa.array([b for _, b in edges], pa.int64()),
                }
            ),
        }.items():
            connection.register("arrow", table)
            connection.execute(f"create temp table {name} as from arrow")
            connection.unregister("arrow")
        rounds = label_components(
            connection, edges="some_edges", nodes="some_nodes", result="labels"
        )
        return dict(connection.execute("from labels").fetchall()), rounds


def due(nodes: list[int], edges: list[tuple[int, int]]) -> dict[int, int]:
    graph = nx.Graph(edges)
    graph.add_nodes_from(nodes)
    return {n: min(c) for c in nx.connected_components(graph) for n in c}


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=40),
    st.randoms(use_true_random=False),
)
def test_labels_are_the_least_nodes_of_networkx_components(
    edges: list[tuple[int, int]], order: random.Random
) -> None:
    nodes = list(range(31))
    order.shuffle(nodes)
    assert labelled(nodes, edges)[0] == due(nodes, edges)


def chain(length: int, seed: int | None) -> list[tuple[int, int]]:
    nodes = list(range(length))
    if seed is not None:
        random.Random(seed).shuffle(nodes)
    return list(itertools.pairwise(nodes))


@pytest.mark.parametrize("seed", [None, 0, 1], ids=["sorted", "shuffled", "again"])
def test_a_long_chain_is_one_component_in_few_rounds(seed: int | None) -> None:
    labels, rounds = labelled(list(range(3000)), chain(3000, seed))
    assert set(labels.values()) == {0}
    assert rounds <= 15


def test_two_minima_at_the_ends_of_a_chain_meet_in_few_rounds() -> None:
    middle = list(range(2, 2000))
    path = [0, *middle[::2], 1, *middle[1::2]]
    labels, rounds = labelled(list(range(2000)), list(itertools.pairwise(path)))
    assert set(labels.values()) == {0}
    assert rounds <= 15


def test_nodes_without_edges_and_loops_stand_alone() -> None:
    assert labelled([3, 1, 2], [(1, 1)])[0] == {1: 1, 2: 2, 3: 3}
    assert labelled([], [])[0] == {}
