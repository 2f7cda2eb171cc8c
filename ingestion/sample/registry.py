"""The customer master: which people the core system knows, some of them twice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ingestion.sample.chance import Bools, Floats, Ints, Odds, chosen, stream
from ingestion.sample.columns import days, digits, either, only, picked, truths
from ingestion.sample.institution import Institution
from ingestion.sample.people import (
    People,
    email_address,
    full_name,
    mobile_number,
    national_id,
    phone_text,
    postal_address,
    switchboard_number,
)
from ingestion.sample.pools import make_pools
from ingestion.sample.spec import BLOCK_CUSTOMERS, SampleSpec

TWIN_RATIO = 0.02
RISK_LEVELS = ("C1", "C2", "C3", "C4", "C5")
RESTRICTIONS = ("court_freeze", "fraud_confirmed", "default_written_off")


@dataclass(frozen=True)
class Registry:
    """Core records of a block: each customer's first, then the second ones of twins.

    `risk` and `restriction` are -1 where there is none. `phone` is 0 where none is
    known.
    """

    person: Ints
    number: Ints
    phone: Ints
    has_email: Bools
    since: Ints
    branch: Ints
    manager: Ints
    risk: Ints
    risk_day: Ints
    allows_marketing: Bools
    restriction: Ints

    @property
    def count(self) -> int:
        """Core customer ids."""
        return len(self.person)


def make_registry(
    spec: SampleSpec, people: People, bank: Institution, today: int
) -> Registry:
    """Return the core records of a block as they stand on the first day."""
    rng = stream(spec.seed, "registry", people.block)
    own = np.arange(people.customers)
    twins = own[chosen(rng, people.customers, TWIN_RATIO)]
    person = np.concatenate((own, twins)).astype(np.int64)
    count = len(person)
    city = people.city[person]
    branch = (
        bank.city_first_branch[city]
        + rng.integers(0, 1 << 30, count) % (bank.city_branches[city])
    )
    manager = branch * bank.managers_per_branch + rng.integers(
        0, bank.managers_per_branch, count
    )
    since = _since(rng, people.birth[person], today)
    risk, risk_day = _risk(rng, people.wealth[person], since, today)
    return Registry(
        person=person,
        number=np.arange(count, dtype=np.int64) + people.block * 2 * BLOCK_CUSTOMERS,
        phone=_phones(rng, people, person),
        has_email=people.has_email[person] & (np.arange(count) < people.customers),
        since=since,
        branch=branch,
        manager=manager,
        risk=risk,
        risk_day=risk_day,
        allows_marketing=chosen(rng, count, 0.75),
        restriction=np.where(
            chosen(rng, count, 0.01), rng.integers(0, len(RESTRICTIONS), count), -1
        ),
    )


def _since(rng: np.random.Generator, birth: Ints, today: int) -> Ints:
    adult = birth + 18 * 366
    wanted = today - 30 - (rng.exponential(6 * 365, len(birth))).astype(np.int64)
    return np.minimum(np.maximum(wanted, adult), today - 30)


def _risk(
    rng: np.random.Generator, wealth: Floats, since: Ints, today: int
) -> tuple[Ints, Ints]:
    """Return risk level (0 to 4, -1 never assessed) and the day of the answer."""
    level = Odds.of([22, 30, 28, 14, 6]).draw(rng, len(wealth))
    level = np.clip(level + (wealth > 200_000), 0, 4)
    assessed = chosen(rng, len(wealth), 0.85)
    day = since + (rng.random(len(wealth)) * (today - since)).astype(np.int64)
    return np.where(assessed, level, -1), day


def _phones(rng: np.random.Generator, people: People, person: Ints) -> Ints:
    """Return numbers on file: a twin's second record often has a former one."""
    is_second = np.arange(len(person)) >= people.customers
    former = mobile_number(people.number[person], 1)
    phone = np.where(
        is_second & chosen(rng, len(person), 0.5), former, people.phone[person]
    )
    firm = people.employer[person]
    gave_work = (firm >= 0) & (firm < 12) & chosen(rng, len(person), 0.03)
    return np.where(gave_work, switchboard_number(firm), phone)


def core_customer_id(number: Ints) -> pa.Array:
    """Return ten-digit customer numbers, one for each record; they begin with 0."""
    return digits((number + 1) * 2_654_435_761 % 1_000_000_000, 10)


def customer_table(
    spec: SampleSpec, people: People, registry: Registry, bank: Institution
) -> pa.Table:
    """One row per core record."""
    who, pools = registry.person, make_pools(spec.seed)
    has_risk = registry.risk >= 0
    return pa.table(
        {
            "core_customer_id": core_customer_id(registry.number),
            "full_name": full_name(spec.seed, people, who),
            "sex_code": either(people.is_male[who], "male", "female"),
            "birth_date": days(people.birth[who]),
            "national_id": national_id(people.identity[who]),
            "mobile_phone": phone_text(registry.phone),
            "email_address": only(
                email_address(spec.seed, people, who), registry.has_email
            ),
            "postal_address": postal_address(spec.seed, people, who),
            "city_name": picked(pools.cities, people.city[who]),
            "branch_id": picked(bank.department_ids, registry.branch),
            "employee_id": picked(bank.employee_ids, registry.manager),
            "since_date": days(registry.since),
            "risk_level_code": picked(RISK_LEVELS, registry.risk, has_risk),
            "risk_assessed_date": days(registry.risk_day, has_risk),
            "is_marketing_allowed": truths(registry.allows_marketing),
            "is_call_allowed": truths(registry.number % 7 != 3),
            "is_email_allowed": truths(registry.number % 11 != 5),
            "restriction_code": picked(
                RESTRICTIONS, registry.restriction, registry.restriction >= 0
            ),
        }
    )
