"""What the identity step reads, made by hand, in a database of its own."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import duckdb
import pyarrow as pa

from identity.addresses import normal_address
from identity.decisions import Decision, DecisionCode
from identity.model import LinkageModel, Rules, load_model
from identity.names import normal_name
from identity.resolve import Resolved, resolve, write_relationships

SECRET = b"k" * 32
FIRST, SECOND, THIRD = date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 3)
CORE, LOGIN = "core_banking:customer:", "online_banking:login:"
_KINDS = {
    CORE: "core_customer",
    LOGIN: "login",
    "core_banking:card:": "card",
    "core_banking:account:": "account",
    "phone:": "phone",
    "email:": "email",
}
_PERSON = pa.schema(
    [
        ("record_id", pa.string()),
        ("full_name", pa.string()),
        ("family_name", pa.string()),
        ("given_name", pa.string()),
        ("birth_date", pa.string()),
        ("sex_code", pa.string()),
        ("national_id", pa.string()),
        ("is_national_id_valid", pa.bool_()),
        ("phone", pa.string()),
        ("email", pa.string()),
        ("address", pa.string()),
        ("address_parts", pa.list_(pa.string())),
        ("address_numbers", pa.string()),
        ("city_name", pa.string()),
    ]
)


@dataclass(frozen=True)
class Record:
    """One record: what identifies it, and what it says of a person."""

    record_id: str
    identifiers: tuple[tuple[str, str], ...] = ()
    person: dict[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        return next(
            (k for p, k in _KINDS.items() if self.record_id.startswith(p)), "anonymous"
        )

    def also(self, kind: str, value: str) -> Record:
        return replace(self, identifiers=(*self.identifiers, (kind, value)))

    def described(self) -> dict[str, Any]:
        known = dict(self.identifiers)
        told = dict(self.person)
        name = normal_name(told.pop("name", ""), "CN")
        address = normal_address(told.pop("address", ""), "CN")
        numbers = (
            [t for t in address.tokens if any(map(str.isdigit, t))] if address else []
        )
        typed = told.pop("typed_id", None)
        return {
            "record_id": self.record_id,
            "full_name": name and name.full,
            "family_name": name and name.family,
            "given_name": name and name.given,
            "birth_date": told.pop("birth", None),
            "sex_code": told.pop("sex", None),
            "national_id": typed or known.get("national_id"),
            "is_national_id_valid": "national_id" in known,
            "phone": known.get("phone"),
            "email": known.get("email"),
            "address": address and address.text,
            "address_parts": list(address.tokens) if address else None,
            "address_numbers": " ".join(numbers) or None,
            "city_name": told.pop("city", None),
            **told,
        }


_IDENTIFIERS = ("core_customer_id", "national_id", "phone", "email")


def _record(record_id: str, known: dict[str, Any]) -> Record:
    identifiers = tuple((k, known[k]) for k in _IDENTIFIERS if k in known)
    person = {k: v for k, v in known.items() if k not in _IDENTIFIERS}
    return Record(record_id, identifiers, person)


def core(number: str, **known: Any) -> Record:
    return _record(CORE + number, {"core_customer_id": number, **known})


def login(name: str, **known: Any) -> Record:
    return _record(LOGIN + name, known)


def contact(kind: str, value: str) -> Record:
    return Record(f"{kind}:{value}", ((kind, value),))


def other(record_id: str, **known: str) -> Record:
    return _record(record_id, known)


class Warehouse:
    """Runs the identity step, night after night, on records made by hand."""

    def __init__(self) -> None:
        self.model: LinkageModel = load_model()
        self.decisions: tuple[Decision, ...] = ()
        self.connection = duckdb.connect()
        self.connection.execute(
            """
            create schema intermediate; create schema policy; create schema staging;
            create table policy.identifier_caps
                (identifier_kind varchar, is_strong boolean, max_records bigint);
            insert into policy.identifier_caps values
                ('core_customer_id', true, null), ('national_id', true, 4),
                ('phone', false, 20), ('email', false, 10);
            create table policy.identifier_blocklist
                (identifier_kind varchar, pattern varchar, reason_code varchar);
            insert into policy.identifier_blocklist values
                ('email', 'no-?reply@.*', 'machine_address'),
                ('national_id', '0+', 'dummy_number');
            create table policy.identity_limits
                (limit_name varchar, limit_value bigint);
            insert into policy.identity_limits values
                ('max_person_records', 4), ('max_block_records', 100),
                ('max_loose_block_records', 25),
                ('max_household_customers', 12), ('min_employees', 3),
                ('days_between_full_checks', 7);
            create table staging.stg_core_banking__account_holders
                (account_id varchar, account_holder_id varchar,
                core_customer_id varchar, role_code varchar);
            create table staging.stg_core_banking__cards (account_holder_id varchar);
            create table intermediate.int_incoming_payers
                (account_id varchar, counterparty_account varchar, business_date date);
            """
        )

    def run(
        self,
        *records: Record,
        on: date = FIRST,
        shuffled: int | None = None,
        secret: bytes = SECRET,
        full: bool = False,
    ) -> Resolved:
        rows = list(records)
        if shuffled is not None:
            random.Random(shuffled).shuffle(rows)
        self._fill(rows)
        rules = Rules(self.model, self.decisions, is_full=full)
        done = resolve(self.connection, on, secret, rules)
        write_relationships(self.connection)
        return done

    def _fill(self, records: list[Record]) -> None:
        told = [(r.record_id, k, v) for r in records for k, v in r.identifiers]
        persons = [
            r.described() for r in records if r.kind in {"core_customer", "login"}
        ]
        self._table(
            "int_record_identifiers",
            pa.table(
                {
                    name: pa.array([row[n] for row in told], pa.string())
                    for n, name in enumerate(
                        ("record_id", "identifier_kind", "identifier_value")
                    )
                }
            ),
            "*",
        )
        self._table(
            "int_person_records",
            pa.Table.from_pylist(persons, schema=_PERSON),
            f"*, hash({', '.join(_PERSON.names)}) as person_fingerprint",
        )
        self._table(
            "int_records",
            pa.table(
                {
                    "record_id": pa.array([r.record_id for r in records], pa.string()),
                    "record_kind": pa.array([r.kind for r in records], pa.string()),
                }
            ),
            "*, coalesce((select bit_xor(fingerprint) from (select record_id, "
            "hash(identifier_kind, identifier_value) as fingerprint "
            "from intermediate.int_record_identifiers union all "
            "select record_id, person_fingerprint from intermediate.int_person_records"
            ") as told where told.record_id = arrow.record_id), 0) as fingerprint",
        )

    def _table(self, name: str, table: pa.Table, columns: str) -> None:
        self.connection.register("arrow", table)
        self.connection.execute(
            f"create or replace table intermediate.{name} as "
            f"select {columns} from arrow"
        )
        self.connection.unregister("arrow")

    def hold(self, *holders: tuple[str, str, str]) -> None:
        self.connection.executemany(
            "insert into staging.stg_core_banking__account_holders values (?, ?, ?, ?)",
            [(a, f"{a}/{c}", c, role) for a, c, role in holders],
        )

    def decide(self, one: str, another: str, code: DecisionCode) -> None:
        left, right = sorted((one, another))
        kept = [
            d
            for d in self.decisions
            if (d.left_record_id, d.right_record_id) != (left, right)
        ]
        if code != "undone":
            kept.append(Decision(left, right, code, FIRST, "somebody"))
        self.decisions = tuple(kept)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(query).fetchall()

    def keys(self) -> dict[str, str | None]:
        return dict(
            self.rows("select record_id, customer_key from identity.customer_identity")
        )

    def partition(self) -> set[frozenset[str]]:
        """Return the customers as sets of records; records without one left out."""
        found: dict[str, set[str]] = {}
        for record, key in self.keys().items():
            if key:
                found.setdefault(key, set()).add(record)
        return {frozenset(records) for records in found.values()}

    def rules(self) -> dict[str, str]:
        return dict(
            self.rows(
                "select record_id, link_rule_code from identity.customer_identity"
            )
        )

    def events(self) -> list[tuple[Any, ...]]:
        return self.rows(
            "select business_date, event_code, customer_key, other_customer_key "
            "from identity.key_event where event_code <> 'born' order by all"
        )

    def redirects(self) -> dict[str, str | None]:
        return dict(
            self.rows("select retired_key, living_key from identity.key_redirect")
        )

    def living(self) -> set[str]:
        return {
            k
            for (k,) in self.rows(
                "select customer_key from identity.customer_keys where is_living"
            )
        }

    def review(self) -> list[tuple[Any, ...]]:
        return self.rows(
            "select left_record_id, right_record_id, reason_code from identity.review "
            "order by all"
        )
