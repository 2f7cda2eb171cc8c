"""Customer keys outlive runs, and every change of one is said."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date
from typing import Any

import duckdb
import pytest

from identity.resolve import Resolved, resolve

SECRET = b"k" * 32
FIRST, SECOND, THIRD = date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 3)
CORE, LOGIN = "core_banking:customer:", "online_banking:login:"

Identifiers = list[tuple[str, str, str]]


def core(number: str, **known: str) -> Identifiers:
    record = CORE + number
    return [(record, "core_customer_id", number)] + [
        (record, kind, value) for kind, value in known.items()
    ]


def login(name: str, **known: str) -> Identifiers:
    return [(LOGIN + name, kind, value) for kind, value in known.items()]


def contact(kind: str, value: str) -> Identifiers:
    return [(f"{kind}:{value}", kind, value)]


class Warehouse:
    """What the identity step reads, made by hand, in a database of its own."""

    def __init__(self) -> None:
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
            create table staging.stg_core_banking__account_holders
                (account_id varchar, core_customer_id varchar, role_code varchar);
            """
        )

    def run(
        self,
        *groups: Identifiers,
        on: date = FIRST,
        shuffled: int | None = None,
        secret: bytes = SECRET,
    ) -> Resolved:
        rows = [row for group in groups for row in group]
        records = sorted({record for record, _, _ in rows})
        if shuffled is not None:
            random.Random(shuffled).shuffle(rows)
            random.Random(shuffled).shuffle(records)
        self._fill(
            "int_record_identifiers(record_id, identifier_kind, identifier_value)", rows
        )
        self._fill(
            "int_records(record_id, record_kind)", [(r, _kind(r)) for r in records]
        )
        return resolve(self.connection, on, secret)

    def _fill(self, table: str, rows: list[tuple[str, ...]]) -> None:
        name, _, columns = table.partition("(")
        types = ", ".join(f"{c.strip(' )')} varchar" for c in columns.split(","))
        self.connection.execute(
            f"create or replace table intermediate.{name} ({types})"
        )
        marks = ", ".join("?" for _ in rows[0])
        self.connection.executemany(
            f"insert into intermediate.{name} values ({marks})", rows
        )

    def hold(self, *holders: tuple[str, str, str]) -> None:
        self.connection.executemany(
            "insert into staging.stg_core_banking__account_holders values (?, ?, ?)",
            holders,
        )

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(query).fetchall()

    def keys(self) -> dict[str, str | None]:
        return dict(
            self.rows("select record_id, customer_key from identity.customer_identity")
        )

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


def _kind(record: str) -> str:
    prefixes = {
        CORE: "core_customer",
        LOGIN: "login",
        "core_banking:card:": "card",
        "core_banking:account:": "account",
        "phone:": "phone",
        "email:": "email",
    }
    return next((k for p, k in prefixes.items() if record.startswith(p)), "anonymous")


@pytest.fixture
def bank() -> Iterator[Warehouse]:
    warehouse = Warehouse()
    yield warehouse
    warehouse.connection.close()


def test_two_core_ids_of_one_national_id_are_one_customer(bank: Warehouse) -> None:
    done = bank.run(core("1", national_id="X"), core("2", national_id="X"), core("3"))
    keys = bank.keys()
    assert keys[CORE + "1"] == keys[CORE + "2"] != keys[CORE + "3"]
    assert (done.records, done.customers, done.born) == (3, 2, 2)


def test_logins_cards_and_accounts_follow_the_core_id(bank: Warehouse) -> None:
    card, account = "core_banking:card:t", "core_banking:account:a"
    bank.run(
        core("1"),
        login("l", core_customer_id="1"),
        [(card, "core_customer_id", "1"), (account, "core_customer_id", "1")],
        [("core_banking:card:x", "core_customer_id", "unknown")],
    )
    keys = bank.keys()
    assert len({keys[r] for r in (CORE + "1", LOGIN + "l", card, account)}) == 1
    assert keys["core_banking:card:x"] is None
    assert bank.rules()["core_banking:card:x"] == "no_known_owner"


def test_a_shared_phone_merges_nobody_and_attributes_nothing(bank: Warehouse) -> None:
    bank.run(core("1", phone="+861"), core("2", phone="+861"), contact("phone", "+861"))
    keys = bank.keys()
    assert keys[CORE + "1"] != keys[CORE + "2"]
    assert keys["phone:+861"] is None
    assert bank.rules()["phone:+861"] == "shared_phone"
    ties = bank.rows(
        "select customer_key, other_customer_key, relationship_code "
        "from identity.relationships"
    )
    pair = sorted(k for k in (keys[CORE + "1"], keys[CORE + "2"]) if k)
    assert ties == [(*pair, "shared_phone")]


def test_the_sole_holder_of_a_phone_has_its_calls(bank: Warehouse) -> None:
    bank.run(core("1", phone="+861"), contact("phone", "+861"))
    assert bank.keys()["phone:+861"] == bank.keys()[CORE + "1"]


def test_an_unknown_caller_is_a_customer_of_one_channel(bank: Warehouse) -> None:
    bank.run(core("1"), contact("phone", "+869"), contact("email", "a@b.cn"))
    keys = bank.keys()
    assert None not in keys.values()
    assert len(set(keys.values())) == 3
    assert bank.rules()["phone:+869"] == "known_to_one_channel"


def test_joint_accounts_are_ties_and_not_one_person(bank: Warehouse) -> None:
    bank.hold(("a", "1", "owner"), ("a", "2", "joint_owner"), ("a", "3", "proxy"))
    bank.run(core("1"), core("2"), core("3"))
    keys = bank.keys()
    one, two, three = (keys[CORE + n] for n in "123")
    ties = set(
        bank.rows(
            "select customer_key, other_customer_key, relationship_code "
            "from identity.relationships"
        )
    )
    assert len({one, two, three}) == 3
    assert ties == {
        (min(one, two), max(one, two), "joint_owner"),  # type: ignore[type-var]
        (one, three, "proxy"),
        (two, three, "proxy"),
    }


def test_blocked_and_capped_identifiers_are_reported_and_not_used(
    bank: Warehouse,
) -> None:
    crowd = [core(f"c{n}", phone="+86555", national_id="N") for n in range(21)]
    done = bank.run(
        *crowd,
        core("1", national_id="000", email="noreply@b.cn"),
        core("2", national_id="000"),
        contact("email", "noreply@b.cn"),
        contact("phone", "+86555"),
    )
    blocked = set(bank.rows("from identity.blocked_identifiers"))
    assert blocked == {
        ("phone", "+86555", 22, "too_many_records"),
        ("national_id", "N", 21, "too_many_records"),
        ("national_id", "000", 2, "dummy_number"),
        ("email", "noreply@b.cn", 2, "machine_address"),
    }
    keys = bank.keys()
    assert len({keys[CORE + f"c{n}"] for n in range(21)}) == 21
    assert keys[CORE + "1"] != keys[CORE + "2"]
    assert keys["email:noreply@b.cn"] is keys["phone:+86555"] is None
    assert bank.rules()["phone:+86555"] == "blocked_identifier"
    assert (done.blocked, done.unattributed) == (4, 2)
    assert bank.rows("from identity.relationships") == []


def test_a_guest_login_needs_phone_and_mail_of_one_customer(bank: Warehouse) -> None:
    bank.run(
        core("1", phone="+861", email="a@b.cn"),
        core("2", phone="+862", email="c@d.cn"),
        login("both", phone="+861", email="a@b.cn"),
        login("phone only", phone="+861", email="x@y.cn"),
        login("mixed", phone="+861", email="c@d.cn"),
    )
    keys = bank.keys()
    assert keys[LOGIN + "both"] == keys[CORE + "1"]
    assert bank.rules()[LOGIN + "both"] == "phone_and_email"
    assert len(set(keys.values())) == 4


def test_a_guest_login_of_two_customers_makes_them_not_one(bank: Warehouse) -> None:
    contacts: Identifiers = [
        (LOGIN + "l", kind, value)
        for kind, value in [
            ("phone", "+861"),
            ("email", "a@b.cn"),
            ("phone", "+862"),
            ("email", "c@d.cn"),
        ]
    ]
    bank.run(
        core("1", phone="+861", email="a@b.cn"),
        core("2", phone="+862", email="c@d.cn"),
        contacts,
    )
    assert len(set(bank.keys().values())) == 3


def test_a_guest_login_stands_in_the_bridge_once(bank: Warehouse) -> None:
    bank.run(
        core("1", phone="+861", email="a@b.cn"),
        login("l", phone="+861", email="a@b.cn"),
        [(CORE + "1", "phone", "+863"), (LOGIN + "l", "phone", "+863")],
    )
    assert len(bank.rows("from identity.customer_identity")) == 2
    assert len(set(bank.keys().values())) == 1


def test_a_second_run_changes_nothing(bank: Warehouse) -> None:
    people = [
        core("1", phone="+861"),
        core("2", national_id="X"),
        contact("phone", "+8"),
    ]
    bank.run(*people)
    tables = ("customer_identity", "customer_keys", "key_event", "key_redirect")
    before = {t: bank.rows(f"from identity.{t} order by all") for t in tables}
    again = bank.run(*people, on=SECOND)
    assert {t: bank.rows(f"from identity.{t} order by all") for t in tables} == before
    assert (again.born, again.merged, again.split, again.vanished) == (0, 0, 0, 0)


def test_keys_depend_on_the_secret_and_not_on_the_order_of_rows() -> None:
    people = [core(str(n), national_id=f"N{n % 7}") for n in range(20)]
    found = []
    for shuffled in (None, 1, 2):
        warehouse = Warehouse()
        warehouse.run(*people, shuffled=shuffled)
        found.append(warehouse.keys())
    assert found[0] == found[1] == found[2]
    other = Warehouse()
    other.run(*people, secret=b"other")
    assert not set(other.keys().values()) & set(found[0].values())
    assert all(k and CORE not in k for k in found[0].values())


def test_a_merge_keeps_the_oldest_key_and_leaves_a_redirect(bank: Warehouse) -> None:
    bank.run(core("5"))
    bank.run(core("5"), core("1"), on=SECOND)
    old, young = bank.keys()[CORE + "5"], bank.keys()[CORE + "1"]
    done = bank.run(core("5", national_id="X"), core("1", national_id="X"), on=THIRD)
    assert done.merged == 1
    assert set(bank.keys().values()) == {old}
    assert bank.events() == [(THIRD, "merged", young, old)]
    assert bank.redirects() == {young: old}


def test_redirects_lead_to_a_living_key_at_once(bank: Warehouse) -> None:
    bank.run(core("1"))
    bank.run(core("1"), core("2"))
    bank.run(core("1"), core("2"), core("3"))
    one, two, three = (bank.keys()[CORE + n] for n in "123")
    bank.run(core("1"), core("2", national_id="X"), core("3", national_id="X"))
    assert bank.redirects() == {three: two}
    bank.run(
        core("1", national_id="Y"),
        [*core("2", national_id="X"), (CORE + "2", "national_id", "Y")],
        core("3", national_id="X"),
    )
    assert bank.redirects() == {three: one, two: one}
    living = {
        k
        for (k,) in bank.rows(
            "select customer_key from identity.customer_keys where is_living"
        )
    }
    assert living == {one}


def test_a_split_leaves_the_key_with_the_larger_part(bank: Warehouse) -> None:
    together = [core(n, national_id="X") for n in "1234"]
    bank.run(*together)
    (whole,) = set(bank.keys().values())
    done = bank.run(
        core("1", national_id="A"),
        *(core(n, national_id="X") for n in "234"),
        on=SECOND,
    )
    keys = bank.keys()
    assert {keys[CORE + n] for n in "234"} == {whole}
    assert keys[CORE + "1"] not in {whole, None}
    assert done.split == 1
    assert bank.events() == [(SECOND, "split", keys[CORE + "1"], whole)]
    assert bank.redirects() == {}


def test_who_vanishes_leaves_an_event_and_comes_back_by_a_redirect(
    bank: Warehouse,
) -> None:
    bank.run(core("1"), core("2"))
    gone = bank.keys()[CORE + "2"]
    assert bank.run(core("1"), on=SECOND).vanished == 1
    assert bank.events() == [(SECOND, "vanished", gone, None)]
    assert bank.redirects() == {gone: None}
    bank.run(core("1"), core("2"), on=THIRD)
    back = bank.keys()[CORE + "2"]
    assert back not in {gone, None}
    assert bank.redirects() == {gone: back}


def test_no_record_is_lost_or_doubled(bank: Warehouse) -> None:
    chance = random.Random(3)
    for on in (FIRST, SECOND, THIRD):
        people = [
            core(str(n), national_id=f"N{chance.randrange(25)}", phone=f"+{n % 9}")
            for n in range(chance.randrange(20, 40))
        ]
        people += [contact("phone", f"+{n}") for n in range(12)]
        bank.run(*people, on=on)
        due = {r for group in people for r, _, _ in group}
        found = [
            r for (r,) in bank.rows("select record_id from identity.customer_identity")
        ]
        assert len(found) == len(due)
        assert set(found) == due
        living = {
            k
            for (k,) in bank.rows(
                "select customer_key from identity.customer_keys where is_living"
            )
        }
        assert {k for k in bank.keys().values() if k} == living
        assert {k for k in bank.redirects().values() if k} <= living
