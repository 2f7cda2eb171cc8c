"""Who is who, where the input is as it is in life: wrong, shared, doubled, empty."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from identity.clusters import Graph, parted
from tests.unit.identity_bank import (
    CORE,
    FIRST,
    LOGIN,
    SECOND,
    THIRD,
    Record,
    Warehouse,
    contact,
    core,
    login,
)

# 110105198001010016 and ...0032 have right check digits, ...0061 has a digit exchanged.
WANG = {
    "name": "王小明",
    "birth": "1980-01-01",
    "sex": "male",
    "address": "北京市朝阳区建国路12号3室",
    "city": "北京",
}
ID, WRONG_ID = "110105198001010016", "110105198001010061"


@pytest.fixture
def bank() -> Iterator[Warehouse]:
    warehouse = Warehouse()
    yield warehouse
    warehouse.connection.close()


def same(bank: Warehouse, one: str, another: str) -> bool:
    keys = bank.keys()
    return keys[CORE + one] is not None and keys[CORE + one] == keys[CORE + another]


def test_a_wrong_digit_of_a_national_id_is_one_person_by_score(bank: Warehouse) -> None:
    bank.run(core("1", national_id=ID, **WANG), core("2", typed_id=WRONG_ID, **WANG))
    assert same(bank, "1", "2")
    assert set(bank.rules().values()) == {"linked_by_score"}


def test_two_right_national_ids_are_two_people_whatever_else_agrees(
    bank: Warehouse,
) -> None:
    shared = {**WANG, "phone": "+861", "email": "a@b.cn"}
    bank.run(
        core("1", national_id=ID, **shared),
        core("2", national_id="110105198001010032", **shared),
    )
    assert not same(bank, "1", "2")
    assert bank.review() == []


def test_a_record_between_two_people_does_not_glue_them(bank: Warehouse) -> None:
    shared = {**WANG, "phone": "+861"}
    bank.run(
        core("1", national_id=ID, **shared),
        core("2", national_id="110105198001010032", **shared),
        core("3", **shared),
    )
    assert not same(bank, "1", "2")
    assert ("would_join_two_people") in {why for _, _, why in bank.review()}


def test_namesakes_born_on_one_day_are_two_and_are_asked(bank: Warehouse) -> None:
    elsewhere = {**WANG, "address": "上海市黄浦区南京东路7号1室", "city": "上海"}
    bank.run(core("1", phone="+861", **WANG), core("2", phone="+862", **elsewhere))
    assert not same(bank, "1", "2")
    assert bank.review() == [(CORE + "1", CORE + "2", "name_and_birth_date_alone")]


def test_twins_with_one_phone_and_one_address_are_two(bank: Warehouse) -> None:
    twin = {**WANG, "name": "王小红"}
    bank.run(core("1", phone="+861", **WANG), core("2", phone="+861", **twin))
    assert not same(bank, "1", "2")
    assert {why for _, _, why in bank.review()} == {"names_differ"}
    ties = bank.rows("select relationship_code from identity.relationships order by 1")
    assert ties == [("household",), ("shared_phone",)]


def test_a_name_in_other_letters_or_order_is_the_same_person(bank: Warehouse) -> None:
    latin = {**WANG, "name": "Xiaoming WANG", "phone": "+861"}
    bank.run(core("1", phone="+861", **WANG), core("2", **latin))
    assert same(bank, "1", "2")


def test_a_dummy_on_ten_thousand_records_links_nobody(bank: Warehouse) -> None:
    crowd = [
        core(
            f"c{n}",
            phone="+8600000000",
            email="x@y.cn",
            birth="1900-01-01",
            name="王伟",
        )
        for n in range(10_000)
    ]
    done = bank.run(*crowd, contact("phone", "+8600000000"))
    assert done.customers == 10_000
    assert bank.keys()["phone:+8600000000"] is None
    blocked = bank.rows(
        "select identifier_kind, record_count, reason_code "
        "from identity.blocked_identifiers order by all"
    )
    assert blocked == [
        ("email", 10_000, "too_many_records"),
        ("phone", 10_001, "too_many_records"),
    ]
    crowded = bank.rows("select distinct block_name from identity.crowded_blocks")
    assert ("birth_date",) in crowded
    again = bank.run(*crowd[1:], contact("phone", "+8600000000"), on=SECOND)
    assert (again.changed, again.erased) == (1, 1)
    assert again.rechecked < 10


def test_a_phone_that_was_given_on_attributes_nothing_while_two_hold_it(
    bank: Warehouse,
) -> None:
    bank.run(core("old", phone="+861"), contact("phone", "+861"))
    holder = bank.keys()["phone:+861"]
    assert holder == bank.keys()[CORE + "old"]
    bank.run(
        core("old", phone="+861"),
        core("new", phone="+861"),
        contact("phone", "+861"),
        on=SECOND,
    )
    assert not same(bank, "old", "new")
    assert bank.keys()["phone:+861"] is None
    bank.run(core("old"), core("new", phone="+861"), contact("phone", "+861"), on=THIRD)
    assert bank.keys()["phone:+861"] == bank.keys()[CORE + "new"]
    moved = bank.rows(
        "select customer_key, valid_from, valid_to from identity.record_keys "
        "where record_id = 'phone:+861' order by valid_from"
    )
    assert moved == [
        (holder, FIRST, SECOND),
        (bank.keys()[CORE + "new"], THIRD, None),
    ]


def test_a_decision_is_obeyed_until_it_is_undone(bank: Warehouse) -> None:
    people = [core("1", national_id="X"), core("2", national_id="X"), core("3")]
    bank.decide(CORE + "1", CORE + "2", "different")
    bank.decide(CORE + "3", CORE + "2", "same")
    bank.run(*people)
    assert not same(bank, "1", "2")
    assert same(bank, "3", "2")
    again = bank.run(*people, on=SECOND)
    assert again.changed == again.merged == again.split == 0
    bank.decide(CORE + "1", CORE + "2", "undone")
    assert bank.run(*people, on=THIRD).merged == 1
    assert same(bank, "1", "2")


def test_a_decision_parts_what_a_third_record_would_glue(bank: Warehouse) -> None:
    people = [core(n, phone="+861", **WANG) for n in "123"]
    bank.decide(CORE + "1", CORE + "3", "different")
    bank.run(*people)
    assert not same(bank, "1", "3")
    assert len(bank.partition()) == 2


def test_a_cluster_that_is_too_large_falls_back_to_strong_identifiers(
    bank: Warehouse,
) -> None:
    people = [core(str(n), phone="+861", **WANG) for n in range(6)]
    people += [login("l", core_customer_id="0")]
    done = bank.run(*people)
    assert len(bank.partition()) == 6
    assert bank.keys()[LOGIN + "l"] == bank.keys()[CORE + "0"]
    assert done.queue == 15


def test_strong_identifiers_of_too_many_are_held_back_and_come_back(
    bank: Warehouse,
) -> None:
    one = core("0")
    bank.run(one)
    key = bank.keys()[CORE + "0"]
    crowd = [login(str(n), core_customer_id="0") for n in range(5)]
    held = bank.run(one, *crowd, on=SECOND)
    assert held.held_back == 1
    assert set(bank.keys().values()) == {None}
    assert set(bank.rules().values()) == {"held_back"}
    assert bank.run(one, on=THIRD).revived == 1
    assert bank.keys()[CORE + "0"] == key


def test_payers_of_many_are_employers_and_no_identity(bank: Warehouse) -> None:
    for number in "123":
        bank.hold((f"a{number}", number, "owner"))
        bank.connection.execute(
            "insert into intermediate.int_incoming_payers values "
            f"('a{number}', 'FIRM000001', date '2026-03-01')"
        )
    bank.run(core("1"), core("2"), core("3"))
    ties = bank.rows("from identity.relationships")
    assert len(ties) == 3
    assert {(code, why) for _, _, code, why in ties} == {
        ("employer_account", "account ...0001 pays 3 customers")
    }


NAMES = ("王小明", "王小红", "李伟", "Li Wei", "John Smith", "")


@st.composite
def banks(draw: st.DrawFn) -> list[Record]:
    """Return records that share few values, so that they are tied in every way."""
    records: list[Record] = []
    for number in range(draw(st.integers(1, 9))):
        known: dict[str, str] = {}
        for kind, values in (
            ("national_id", ("A", "B", "C")),
            ("phone", ("+861", "+862", "+863")),
            ("email", ("a@b.cn", "c@d.cn")),
            ("birth", ("1980-01-01", "1990-02-02")),
            ("address", ("北京市朝阳区建国路12号3室", "上海市黄浦区南京东路7号1室")),
            ("name", NAMES),
        ):
            if draw(st.booleans()):
                known[kind] = draw(st.sampled_from(values))
        records.append(core(str(number), **known))
    for number in range(draw(st.integers(0, 4))):
        known = {"phone": draw(st.sampled_from(("+861", "+862", "+863")))}
        if draw(st.booleans()):
            known["email"] = draw(st.sampled_from(("a@b.cn", "c@d.cn")))
        records.append(login(str(number), **known))
    records += [contact("phone", "+861"), contact("email", "a@b.cn")]
    return records


@settings(max_examples=12, deadline=None)
@given(banks(), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(
    records: list[Record], chance: random.Random
) -> None:
    found = []
    for seed in (None, chance.randrange(1000)):
        warehouse = Warehouse()
        warehouse.run(*records, shuffled=seed)
        found.append((warehouse.keys(), warehouse.rules()))
        warehouse.connection.close()
    assert found[0] == found[1]


@settings(max_examples=10, deadline=None)
@given(st.lists(banks(), min_size=2, max_size=4))
def test_nights_in_any_order_end_in_the_partition_of_one_full_run(
    nights: list[list[Record]],
) -> None:
    step_by_step, at_once = Warehouse(), Warehouse()
    for number, records in enumerate(nights):
        step_by_step.run(*records, on=FIRST.replace(day=1 + number))
        living = step_by_step.living()
        assert {k for k in step_by_step.keys().values() if k} == living
        assert {k for k in step_by_step.redirects().values() if k} <= living
    at_once.run(*nights[-1])
    assert step_by_step.partition() == at_once.partition()
    assert step_by_step.rules() == at_once.rules()
    assert step_by_step.review() == at_once.review()
    step_by_step.connection.close()
    at_once.connection.close()


def graph(**ties: object) -> Graph:
    nodes = frozenset("abcd")
    stated = {
        "strong": frozenset(),
        "scored": frozenset(),
        "same": frozenset(),
        "different": frozenset(),
        "unlike": frozenset(),
        "national_ids": {},
        **ties,
    }
    return Graph(nodes=nodes, persons=nodes, **stated)  # type: ignore[arg-type]


def test_the_weakest_link_between_two_ids_is_left_out() -> None:
    found = parted(
        graph(
            scored=frozenset({(9.0, "a", "b"), (7.0, "b", "c"), (8.0, "c", "d")}),
            national_ids={"a": frozenset("A"), "d": frozenset("D")},
        ),
        4,
    )
    assert found == {"a": "a", "b": "a", "c": "c", "d": "c"}


def test_a_decision_outweighs_a_strong_identifier() -> None:
    found = parted(
        graph(
            strong=frozenset({("a", "b"), ("b", "c")}),
            different=frozenset({("a", "c")}),
            same=frozenset({("c", "d")}),
        ),
        4,
    )
    assert found["a"] != found["c"] == found["d"]
