"""Customer keys outlive runs, and every change of one is said."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from tests.unit.identity_bank import (
    CORE,
    FIRST,
    LOGIN,
    SECOND,
    THIRD,
    Warehouse,
    contact,
    core,
    login,
    other,
)


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
        other(card, core_customer_id="1"),
        other(account, core_customer_id="1"),
        other("core_banking:card:x", core_customer_id="unknown"),
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
        (min(one, two), max(one, two), "joint_holder"),  # type: ignore[type-var]
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
    assert bank.rules()[LOGIN + "both"] == "attached_by_score"
    assert len(set(keys.values())) == 4


def test_a_guest_login_of_two_customers_makes_them_not_one(bank: Warehouse) -> None:
    both = {"phone": "+861", "email": "a@b.cn"}
    bank.run(core("1", **both), core("2", **both), login("l", **both))
    assert len(set(bank.keys().values())) == 3
    assert bank.rules()[LOGIN + "l"] == "attached_to_several"
    asked = {(a, b, why) for a, b, why in bank.review()}
    assert (CORE + "1", LOGIN + "l", "attached_to_several") in asked


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
    assert (again.born, again.merged, again.split, again.erased) == (0, 0, 0, 0)


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
        core("2", national_id="X").also("national_id", "Y"),
        core("3", national_id="X"),
    )
    assert bank.redirects() == {three: one, two: one}
    assert bank.living() == {one}


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


def test_who_vanishes_leaves_a_marker_and_comes_back_under_the_same_key(
    bank: Warehouse,
) -> None:
    bank.run(core("1"), core("2"))
    gone = bank.keys()[CORE + "2"]
    assert bank.run(core("1"), on=SECOND).erased == 1
    assert bank.events() == [(SECOND, "erased", gone, None)]
    assert bank.redirects() == {gone: None}
    assert bank.run(core("1"), core("2"), on=THIRD).revived == 1
    assert bank.keys()[CORE + "2"] == gone
    assert bank.redirects() == {}


def test_a_merge_that_is_undone_gives_each_its_key_back(bank: Warehouse) -> None:
    bank.run(core("1"), core("2"))
    before = bank.keys()
    bank.run(core("1", national_id="X"), core("2", national_id="X"), on=SECOND)
    assert len(bank.living()) == 1
    done = bank.run(core("1"), core("2"), on=THIRD)
    assert done.split == 1
    assert bank.keys() == before
    assert bank.redirects() == {}


def test_what_was_known_on_an_earlier_day_can_be_asked(bank: Warehouse) -> None:
    bank.run(core("1"), core("2"))
    one, two = bank.keys()[CORE + "1"], bank.keys()[CORE + "2"]
    bank.run(core("1", national_id="X"), core("2", national_id="X"), on=THIRD)
    as_of = "select * from identity.customers_as_of(date '{}') order by all"
    assert sorted(bank.rows(as_of.format(SECOND))) == sorted(
        [(one, 1, FIRST, one), (two, 1, FIRST, one)]
    )
    assert bank.rows(as_of.format(THIRD)) == [(one, 2, FIRST, one)]
    records = "select record_id, customer_key from identity.{}(date '{}') order by all"
    assert dict(bank.rows(records.format("customer_identity_as_of", SECOND))) == {
        CORE + "1": one,
        CORE + "2": two,
    }


def test_no_record_is_lost_or_doubled(bank: Warehouse) -> None:
    chance = random.Random(3)
    for on in (FIRST, SECOND, THIRD):
        people = [
            core(str(n), national_id=f"N{chance.randrange(25)}", phone=f"+{n % 9}")
            for n in range(chance.randrange(20, 40))
        ]
        people += [contact("phone", f"+{n}") for n in range(12)]
        bank.run(*people, on=on)
        due = {record.record_id for record in people}
        found = [
            r for (r,) in bank.rows("select record_id from identity.customer_identity")
        ]
        assert len(found) == len(due)
        assert set(found) == due
        living = bank.living()
        assert {k for k in bank.keys().values() if k} == living
        assert {k for k in bank.redirects().values() if k} <= living


def test_every_record_that_moves_is_told_with_both_customers(bank: Warehouse) -> None:
    chance = random.Random(5)
    before: dict[str, str | None] = {}
    moves = 0
    for on in (FIRST, SECOND, THIRD):
        people = [
            core(str(n), national_id=f"N{chance.randrange(25)}", phone=f"+{n % 9}")
            for n in range(chance.randrange(20, 40))
        ]
        bank.run(*people, *(contact("phone", f"+{n}") for n in range(12)), on=on)
        after = bank.keys()
        due = {
            (record, before.get(record), after.get(record))
            for record in {*before, *after}
            if before.get(record) != after.get(record)
        }
        told = bank.rows(
            "select record_id, earlier_key, customer_key from identity.moved_records"
        )
        assert len(told) == len(due)
        assert set(told) == due
        before, moves = after, moves + len(due)
    assert moves > len(before)
    bank.run(*people, *(contact("phone", f"+{n}") for n in range(12)), on=THIRD)
    assert bank.rows("from identity.moved_records") == []
