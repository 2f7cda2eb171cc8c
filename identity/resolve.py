"""The identity step: records to customers, in a candidate, by the part that changed."""

from __future__ import annotations

import hmac
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from identity.clusters import Graph, parted
from identity.comparisons import BLOCKS, block_limit
from identity.components import label_components
from identity.linkage import Scorer, block_columns, limits_of
from identity.model import Rules
from ingestion.identifiers import text_literal

_SQL = Path(__file__).with_name("sql")
# What only the keys of blocks are made of, no comparison reads.
_BLOCK_ONLY = ("address_numbers", "city_name", "city_initial")
# What must outlive a candidate that is built anew: without it keys would change.
KEPT_TABLES = (
    "records",
    "evidence",
    "pairs",
    "record_keys",
    "customer_keys",
    "key_event",
    "key_redirect",
)


@dataclass(frozen=True)
class Resolved:
    """What one identity step came to.

    `changed` counts the records that are new, gone or other than last night, and
    `rechecked` those whose customer was worked out again for it. `drift` counts records
    whose customer a full check found to be another; it is None on other nights.
    """

    records: int
    customers: int
    born: int
    merged: int
    split: int
    revived: int
    erased: int
    held_back: int
    blocked: int
    unattributed: int
    queue: int
    changed: int = 0
    rechecked: int = 0
    drift: int | None = None


def resolve(
    connection: duckdb.DuckDBPyConnection, as_of: date, secret: bytes, rules: Rules
) -> Resolved:
    """Bring `identity.*` of a candidate forward to its records and identifiers.

    Reads `intermediate.int_records`, `int_record_identifiers`, `int_person_records`,
    the policy seeds and the identity that the candidate came with. The partition is
    that of a run over everything, whatever came before. A key that lived before lives
    on or leaves an event and a redirect; a second run changes nothing. Keys are HMACs
    of `secret`, so the same lake and secret give the same keys.
    """
    step = _Step(connection, as_of, rules)
    step.open()
    events = step.number("select count(*) from identity.key_event")
    step.resolve_changes(secret)
    changed = step.number("select count(*) from changed")
    rechecked = step.number(
        "select count(*) from moved where record_id not in "
        "(select record_id from changed where is_gone)"
    )
    drift = None
    if step.is_check_due(changed):
        drift = step.check_in_full(secret)
    step.run("11_review")
    return replace(
        step.summary(events), changed=changed, rechecked=rechecked, drift=drift
    )


def open_persons(connection: duckdb.DuckDBPyConnection) -> None:
    """Make temp view `unblocked_persons`: person records without what is blocked."""
    connection.execute((_SQL / "03_persons.sql").read_text(encoding="utf-8"))


def write_relationships(connection: duckdb.DuckDBPyConnection) -> None:
    """Rewrite `identity.relationships` from the bridge and what the channels tell."""
    connection.execute(
        "create or replace temp macro masked(value) as '...' || right(value, 4)"
    )
    _run(connection, "12_relationships", limits_of(connection))


def _run(
    connection: duckdb.DuckDBPyConnection, name: str, values: Mapping[str, Any]
) -> None:
    """Run a file of statements, each with the values that it names."""
    text = (_SQL / f"{name}.sql").read_text(encoding="utf-8")
    for statement in connection.extract_statements(text):
        named = {k: values[k] for k in statement.named_parameters}
        connection.execute(statement, named or None)


class _Step:
    """One run of the SQL files, with what their parameters stand for."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, as_of: date, rules: Rules
    ) -> None:
        self._connection = connection
        self.rules = rules
        self._limits = limits_of(connection)
        self._values: dict[str, Any] = {
            "as_of": as_of,
            "link_weight": rules.model.link_weight,
            **self._limits,
        }

    def run(self, name: str) -> None:
        """Run one of the SQL files."""
        _run(self._connection, name, self._values)

    def number(self, query: str) -> int:
        return int(self._connection.execute(query).fetchall()[0][0])

    def open(self) -> None:
        """Make what is missing; forget what other rules had found."""
        self._connection.execute("create schema if not exists identity")
        self.run("01_state")
        parameters = self._parameters()
        before = self._connection.execute(
            "select parameters from identity.state"
        ).fetchall()
        if self.rules.is_full or before != [(parameters,)]:
            self._connection.execute("update identity.records set fingerprint = null")
        self._connection.execute("delete from identity.state")
        self._connection.execute(
            "insert into identity.state values (?, ?)",
            [parameters, self._values["as_of"]],
        )

    def _parameters(self) -> str:
        policies = [
            self._connection.execute(f"from policy.{name} order by all").fetchall()
            for name in ("identifier_caps", "identifier_blocklist", "identity_limits")
        ]
        return repr((self.rules.model.version, self.rules.code, policies))

    def resolve_changes(self, secret: bytes) -> None:
        """Bring records, keys and the bridge forward by what changed."""
        self.find_changes()
        self.score()
        self.resolve_scope()
        self.run("09_keys")
        _name_newborns(self._connection, secret)
        self.run("10_publish")

    def is_check_due(self, changed: int) -> bool:
        """Whether tonight is one on which everything is worked out anew."""
        day: date = self._values["as_of"]
        records = self.number("select count(*) from identity.records")
        is_due = day.toordinal() % int(self._limits["days_between_full_checks"]) == 0
        return is_due and changed < records

    def check_in_full(self, secret: bytes) -> int:
        """Work everything out anew; return how many records have another customer.

        It should be none. Where it is not, what was worked out anew stands.
        """
        self._connection.execute(
            "create or replace temp table before_check as "
            "select record_id, customer_component from identity.records"
        )
        self._connection.execute("update identity.records set fingerprint = null")
        self.resolve_changes(secret)
        return self.number(
            "select count(*) from before_check inner join identity.records as known "
            "on before_check.record_id = known.record_id "
            "where before_check.customer_component is distinct from "
            "known.customer_component"
        )

    def find_changes(self) -> None:
        self._connection.execute(_dummy_reason(self._connection))
        self.run("02_changes")
        open_persons(self._connection)
        self.run("03_rescored")

    def score(self) -> None:
        """Score the pairs of every record that is to be compared again."""
        self._open_blocks()
        self._gather_compared()
        scorer = Scorer(self._connection, self.rules.model, "compared_persons")
        scorer.score("compared_persons", "scored")
        self.run("04_pairs")

    def _gather_compared(self) -> None:
        """Make `compared_persons`: those to score again, and who shares a key."""
        # A view: what is derived of a record is to be derived of these alone.
        self._connection.execute(
            "create or replace temp view compared as "
            "select * from intermediate.int_person_records where record_id in "
            "(from rescored union all from neighbours)"
        )
        columns = ", ".join(
            f"case when not {_crowded(name)} then block_{name} end as block_{name}"
            for name in BLOCKS
        )
        self._connection.execute(
            "create or replace temp table compared_persons as "
            f"select * exclude ({', '.join(_BLOCK_ONLY)}) replace ({columns}), "
            "record_id in (from rescored) as is_rescored "
            f"from (select *, {block_columns()} from unblocked('compared'))"
        )

    def _open_blocks(self) -> None:
        """Make `person_blocks`, `neighbours`; record which keys are too common."""
        self._connection.execute(
            "create or replace temp table person_blocks as "
            f"select record_id, {block_columns()} from unblocked_persons"
        )
        self._take_rescored_blocks()
        self._count_blocks()
        self._take_rescored_blocks()
        neighbours = " union all ".join(
            f"select record_id from person_blocks where block_{name} in "
            f"(select block_{name} from rescored_blocks) "
            f"and not {_crowded(name)}"
            for name in BLOCKS
        )
        self._connection.execute(
            f"create or replace temp table neighbours as select * from ({neighbours}) "
            "where record_id not in (select record_id from rescored)"
        )

    def _take_rescored_blocks(self) -> None:
        """Make `rescored_blocks`: the keys of the records that are compared again."""
        self._connection.execute(
            "create or replace temp table rescored_blocks as "
            "from person_blocks where record_id in (from rescored)"
        )

    def _count_blocks(self) -> None:
        """Rewrite `crowded_blocks`; compare again who gained or lost a key by it."""
        counts = " union all ".join(
            f"select '{name}' as block_name, block_{name} as block_key, "
            "count(*) as record_count from person_blocks "
            f"where block_{name} in (select block_{name} from rescored_blocks "
            "union all select block_key from identity.crowded_blocks "
            f"where block_name = '{name}') "
            f"group by block_{name} having count(*) > {self._limits[block_limit(name)]}"
            for name in BLOCKS
        )
        self._connection.execute(
            f"create or replace temp table crowded_now as {counts}"
        )
        flipped = (
            "(select block_name, block_key from identity.crowded_blocks except "
            "select block_name, block_key from crowded_now) union all "
            "(select block_name, block_key from crowded_now except "
            "select block_name, block_key from identity.crowded_blocks)"
        )
        self._connection.execute(
            f"create or replace temp table flipped_blocks as {flipped}"
        )
        regained = " union ".join(
            f"select record_id from person_blocks where block_{name} in "
            f"(select block_key from flipped_blocks where block_name = '{name}')"
            for name in BLOCKS
        )
        self._connection.execute(
            f"insert into rescored select record_id from ({regained}) "
            "where record_id not in (from rescored)"
        )
        self._connection.execute(
            "create or replace table identity.crowded_blocks as from crowded_now"
        )

    def resolve_scope(self) -> None:
        """Work out the customer of every record that may have another."""
        self._load_decisions()
        self.run("05_scope")
        self._label_scope()
        self.run("06_conflicts")
        self._part_conflicts()
        self.run("07_attach")
        self._label_strangers()
        self.run("08_contacts")

    def _label_scope(self) -> None:
        """Make `strong`, `linked` and `graph`: the components by what ties them."""
        strong = "from strong_edges"
        self._label(strong, "strong")
        self._label(f"{strong} union all from link_edges", "linked")
        self._label(f"{strong} union all from graph_edges", "graph")

    def _label(self, edges: str, result: str) -> None:
        """Make `result(node, component)` of the nodes of the scope."""
        label_components(
            self._connection,
            edges=edges,
            nodes=self.number("select count(*) from scope_records"),
            result=result,
        )

    def _label_strangers(self) -> None:
        """Make `stranger_groups`: the nodes, by the strangers that are one another."""
        self._label("from stranger_edges", "stranger_labels")
        self._connection.execute(
            "create or replace temp table stranger_groups as "
            "select linked.node, labels.component from linked "
            "inner join stranger_labels as labels on linked.component = labels.node"
        )

    def _load_decisions(self) -> None:
        rows = [d.row() for d in self.rules.decisions]
        self._connection.execute(
            "create or replace temp table tonight_decisions as "
            "from identity.decisions limit 0"
        )
        if rows:
            self._connection.executemany(
                "insert into tonight_decisions values (?, ?, ?, ?, ?, ?)", rows
            )

    def _part_conflicts(self) -> None:
        """Give the nodes of components that are no one person their parts."""
        found: dict[str, str | None] = {}
        for graph in self._conflicting_graphs():
            found |= parted(graph, self._limits["max_person_records"])
        table = pa.table(
            {
                "record_id": pa.array(found.keys(), pa.string()),
                "part": pa.array(found.values(), pa.string()),
            }
        )
        self._connection.register("parts", table)
        self._connection.execute(
            "update linked set component = part.node from "
            "(select scope.node as old_node, root.node from parts "
            "inner join scope on parts.record_id = scope.record_id "
            "left join scope as root on parts.part = root.record_id) as part "
            "where linked.node = part.old_node"
        )
        self._connection.unregister("parts")

    def _conflicting_graphs(self) -> list[Graph]:
        nodes = self._by_component(
            "select component, record_id, node in (select node from person_nodes) "
            "from conflict_nodes"
        )
        strong = self._edges("strong_edges")
        scored = self._edges("scope_pairs", "edge.match_weight", "is_link")
        same = self._edges("scope_decisions", where="decision_code = 'same'")
        parting = self._edges("scope_decisions", where="decision_code = 'different'")
        unlike = self._edges("parted_pairs")
        ids = self._by_component(
            "select known.component, known.record_id, evidence.identifier_value "
            "from scope_evidence as evidence "
            "inner join conflict_nodes as known on evidence.node = known.node "
            "where evidence.identifier_kind = 'national_id'"
        )
        return [
            Graph(
                nodes=frozenset(record for record, _ in members),
                strong=frozenset((a, b) for _, a, b in strong[component]),
                scored=frozenset((w, a, b) for w, a, b in scored[component]),
                same=frozenset((a, b) for _, a, b in same[component]),
                different=frozenset((a, b) for _, a, b in parting[component]),
                unlike=frozenset((a, b) for _, a, b in unlike[component]),
                national_ids=_grouped(ids[component]),
                persons=frozenset(record for record, person in members if person),
            )
            for component, members in nodes.items()
        ]

    def _edges(
        self, table: str, weight: str = "0", where: str = "true"
    ) -> dict[int, list[tuple[Any, ...]]]:
        """Return edges within the conflicting components, by component."""
        return self._by_component(
            f"select one.component, {weight}, one.record_id, other.record_id "
            f"from {table} as edge "
            "inner join conflict_nodes as one on edge.left_node = one.node "
            "inner join conflict_nodes as other on edge.right_node = other.node "
            "and one.component = other.component "
            f"where {where}"
        )

    def _by_component(self, query: str) -> dict[int, list[tuple[Any, ...]]]:
        found: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
        for component, *rest in self._connection.execute(query).fetchall():
            found[component].append(tuple(rest))
        return found

    def summary(self, events_before: int) -> Resolved:
        events = dict(
            self._connection.execute(
                "select event_code, count(*) from (select event_code "
                "from identity.key_event offset ?) group by event_code",
                [events_before],
            ).fetchall()
        )
        bridge = "from identity.customer_identity"
        return Resolved(
            records=self.number(f"select count(*) {bridge}"),
            customers=self.number(
                "select count(*) from identity.customer_keys where is_living"
            ),
            born=events.get("born", 0),
            merged=events.get("merged", 0),
            split=events.get("split", 0),
            revived=events.get("revived", 0),
            erased=events.get("erased", 0),
            held_back=events.get("held_back", 0),
            blocked=self.number("select count(*) from identity.blocked_identifiers"),
            unattributed=self.number(
                f"select count(*) {bridge} where customer_key is null"
            ),
            queue=self.number("select count(*) from identity.review"),
        )


def _grouped(rows: Sequence[tuple[Any, ...]]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for record, value in rows:
        found[record].add(value)
    return {record: frozenset(values) for record, values in found.items()}


def _crowded(name: str) -> str:
    return (
        f"coalesce(block_{name} in (select block_key "
        f"from identity.crowded_blocks where block_name = '{name}'), false)"
    )


def _dummy_reason(connection: duckdb.DuckDBPyConnection) -> str:
    """Return SQL of the macro that names why a value is none.

    The patterns stand in it as constants: DuckDB compiles a pattern that comes from a
    column anew for every row.
    """
    rows = connection.execute(
        "select identifier_kind, pattern, reason_code "
        "from policy.identifier_blocklist order by all"
    ).fetchall()
    cases = " ".join(
        f"when kind = {text_literal(kind)} and regexp_full_match(value, "
        f"{text_literal(pattern)}) then {text_literal(reason)}"
        for kind, pattern, reason in rows
    )
    body = f"case {cases} end" if rows else "null"
    return f"create or replace temp macro dummy_reason(kind, value) as {body}"


def _name_newborns(connection: duckdb.DuckDBPyConnection, secret: bytes) -> None:
    """Make temp table `new_keys`: an opaque key for each customer without one."""
    newborns = connection.execute(
        "select component, seed_record_id, birth_order from newborns "
        "order by birth_order"
    ).fetchall()
    number = connection.execute(
        "select coalesce(max(key_number), 0) from identity.customer_keys"
    ).fetchall()[0][0]
    keys = _free_keys(connection, [seed for _, seed, _ in newborns], secret)
    table = pa.table(
        {
            "component": pa.array([c for c, _, _ in newborns], pa.string()),
            "customer_key": pa.array(keys, pa.string()),
            "key_number": pa.array([number + o for _, _, o in newborns], pa.int64()),
        }
    )
    connection.register("new_keys_arrow", table)
    connection.execute(
        "create or replace temp table new_keys as select * from new_keys_arrow"
    )
    connection.unregister("new_keys_arrow")


def _free_keys(
    connection: duckdb.DuckDBPyConnection, seeds: Sequence[str], secret: bytes
) -> list[str]:
    """Return a key for each seed that nobody has or had."""
    wanted = [_key(seed, 0, secret) for seed in seeds]
    table = pa.table({"customer_key": pa.array(wanted, pa.string())})
    connection.register("wanted_keys", table)
    taken = {
        key
        for (key,) in connection.execute(
            "select customer_key from identity.customer_keys "
            "where customer_key in (select customer_key from wanted_keys)"
        ).fetchall()
    }
    connection.unregister("wanted_keys")
    keys = []
    for seed, first in zip(seeds, wanted, strict=True):
        key, generation = first, 0
        while key in taken:
            generation += 1
            key = _key(seed, generation, secret)
            if generation and not _is_free(connection, key):
                taken.add(key)
        taken.add(key)
        keys.append(key)
    return keys


def _is_free(connection: duckdb.DuckDBPyConnection, key: str) -> bool:
    rows = connection.execute(
        "select 1 from identity.customer_keys where customer_key = ?", [key]
    ).fetchall()
    return not rows


def _key(seed: str, generation: int, secret: bytes) -> str:
    text = f"customer\0{seed}\0{generation}".encode()
    return "C" + hmac.digest(secret, text, "sha256").hex()[:16].upper()
