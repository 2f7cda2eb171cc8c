"""Logins of the online bank, those of guests included."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ingestion.sample.chance import Bools, Ints, Odds, chosen, stream
from ingestion.sample.columns import digits, joined, moments, only, picked
from ingestion.sample.people import (
    GUEST,
    People,
    email_address,
    phone_text,
)
from ingestion.sample.registry import Registry, core_customer_id
from ingestion.sample.spec import SampleSpec

_STATUS = ("active", "locked", "closed")


@dataclass(frozen=True)
class Logins:
    """Logins of a block. `record` is -1 for those who did not prove to be customers."""

    person: Ints
    record: Ints
    has_email: Bools
    registered: Ints
    status: Ints
    device: Ints
    of_person: Ints

    @property
    def count(self) -> int:
        """Logins."""
        return len(self.person)


def make_logins(
    spec: SampleSpec, people: People, registry: Registry, today: int
) -> Logins:
    """Return the logins of a block; one person in 33 with a login stays unproved."""
    rng = stream(spec.seed, "logins", people.block)
    inside = np.arange(people.count) < people.customers
    has_login = (inside & chosen(rng, people.count, 0.65)) | (
        people.outsider_kind == GUEST
    )
    person = np.flatnonzero(has_login)
    count = len(person)
    proved = inside[person] & ~chosen(rng, count, 0.03)
    since = np.where(
        inside[person],
        registry.since[np.minimum(person, people.customers - 1)],
        today - 400,
    )
    of_person = np.full(people.count, -1, np.int64)
    of_person[person] = np.arange(count)
    return Logins(
        person=person,
        record=np.where(proved, person, -1),
        has_email=people.has_email[person] & chosen(rng, count, 0.9),
        registered=since * 86_400
        + (rng.random(count) * (today - since) * 86_400).astype(np.int64),
        status=Odds.of([95, 3, 2]).draw(rng, count),
        device=Odds.of([42, 44, 14]).draw(rng, count),
        of_person=of_person,
    )


def login_id(people: People, person: Ints) -> pa.Array:
    """Return the logins of people by place."""
    return joined("nb", digits((people.number[person] + 1) * 48_271_003 % 10**9, 9))


def login_table(
    spec: SampleSpec, people: People, registry: Registry, logins: Logins
) -> pa.Table:
    """One row per login."""
    person = logins.person
    proved = logins.record >= 0
    number = registry.number[np.maximum(logins.record, 0)]
    return pa.table(
        {
            "login_id": login_id(people, person),
            "core_customer_id": only(core_customer_id(number), proved),
            "mobile_phone": phone_text(people.phone[person]),
            "email_address": only(
                email_address(spec.seed, people, person), logins.has_email
            ),
            "registered_at": moments(0, logins.registered),
            "status_code": picked(_STATUS, logins.status),
        }
    )
