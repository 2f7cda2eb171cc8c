"""Invented people: who they are, where they live, how they can be reached."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa

from ingestion.sample.chance import Bools, Floats, Ints, Odds, chosen, stream
from ingestion.sample.columns import digits, either, joined, only, picked, plain
from ingestion.sample.pools import Pools, make_pools
from ingestion.sample.spec import BLOCK_CUSTOMERS, SampleSpec

_MOBILE_PREFIXES = np.array(
    [
        130,
        131,
        132,
        133,
        135,
        136,
        137,
        138,
        139,
        150,
        151,
        152,
        155,
        156,
        157,
        158,
        159,
        176,
        177,
        178,
        180,
        181,
        185,
        186,
        187,
        188,
        189,
        198,
        199,
    ]
)
_HOUSEHOLD_ODDS = Odds.of([52, 26, 15, 7])
_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_ID_CHECKS = "10X98765432"
_FOREIGN_REGION = 911_000
_EMPLOYERS = 200
OUTSIDER_RATIO = 0.08
CALLER, GUEST, WRITER = 0, 1, 2


@dataclass(frozen=True)
class People:
    """The people of a block: `customers` of them first, then outsiders.

    Members of a household stand side by side, its head first. `phone` is the number a
    person is reached under, which some share with the head of their household.
    """

    block: int
    customers: int
    number: Ints
    head: Ints
    is_male: Bools
    is_latin: Bools
    surname: Ints
    given: Ints
    birth: Ints
    city: Ints
    street: Ints
    house: Ints
    identity: Ints
    phone: Ints
    shares_phone: Bools
    has_email: Bools
    wealth: Floats
    activity: Floats
    employer: Ints
    outsider_kind: Ints

    @property
    def count(self) -> int:
        """Customers and outsiders."""
        return len(self.number)


def make_people(spec: SampleSpec, block: int) -> People:
    """Return the people of one block."""
    rng = stream(spec.seed, "people", block)
    pools = make_pools(spec.seed)
    customers = spec.block_sizes[block]
    count = customers + max(int(customers * OUTSIDER_RATIO), 6)
    number = np.arange(count, dtype=np.int64) + block * 2 * BLOCK_CUSTOMERS
    head, role = _households(rng, count, customers)
    is_male = chosen(rng, count, 0.5)
    is_male = np.where(role == 1, ~is_male[head], is_male)
    is_latin = chosen(rng, count, 0.04)[head]
    surname = _surnames(rng, pools, head, role)
    city = pools.city_odds.draw(rng, count)[head]
    birth = _births(rng, spec.start, head, role)
    shares = (role > 0) & chosen(rng, count, 0.12)
    phone = mobile_number(np.where(shares, number[head], number), 0)
    return People(
        block=block,
        customers=customers,
        number=number,
        head=head,
        is_male=is_male,
        is_latin=is_latin,
        surname=surname,
        given=rng.integers(0, 1_000_000, count),
        birth=birth,
        city=city,
        street=rng.integers(0, len(pools.streets), count)[head],
        house=rng.integers(1, 400, count)[head],
        identity=_identities(pools, block, birth, is_male, is_latin, city),
        phone=phone,
        shares_phone=shares,
        has_email=chosen(rng, count, 0.7),
        wealth=30_000 * (1 + rng.pareto(1.18, count)),
        activity=rng.gamma(2.0, 0.5, count),
        employer=_employers(rng, spec.start, birth),
        outsider_kind=_outsider_kinds(rng, count, customers),
    )


def _households(
    rng: np.random.Generator, count: int, customers: int
) -> tuple[Ints, Ints]:
    """Return the index of each person's head of household and the place in it."""
    sizes = _HOUSEHOLD_ODDS.draw(rng, customers) + 1
    head = np.repeat(np.cumsum(sizes) - sizes, sizes)[:customers]
    alone = np.arange(customers, count)
    head = np.concatenate((head, alone)).astype(np.int64)
    return head, np.arange(count) - head


def _surnames(rng: np.random.Generator, pools: Pools, head: Ints, role: Ints) -> Ints:
    own = pools.surname_odds.draw(rng, len(head))
    return np.where(role >= 2, own[head], own)


def _births(rng: np.random.Generator, start: date, head: Ints, role: Ints) -> Ints:
    """Return birth dates, days since 1970: adults, couples alike, generations apart."""
    today = (start - date(1970, 1, 1)).days
    age = np.clip(rng.normal(44, 15, len(head)), 19, 88)
    couple = np.clip(age[head] + rng.normal(0, 3, len(head)), 19, 90)
    child = age[head] - rng.uniform(22, 34, len(head))
    child = np.where(child < 18.5, np.minimum(age[head] + 27, 92), child)
    age = np.where(role == 1, couple, np.where(role >= 2, child, age))
    return today - (age * 365.25).astype(np.int64) - rng.integers(0, 365, len(head))


def _employers(rng: np.random.Generator, start: date, birth: Ints) -> Ints:
    """Return each person's employer, -1 for none: big firms have most people."""
    today = (start - date(1970, 1, 1)).days
    age = (today - birth) / 365.25
    works = (age < 60) & chosen(rng, len(birth), 0.75)
    rank = _EMPLOYERS * rng.random(len(birth)) ** 2.5
    return np.where(works, rank.astype(np.int64), -1)


def _outsider_kinds(rng: np.random.Generator, count: int, customers: int) -> Ints:
    kinds = np.full(count, -1, dtype=np.int64)
    outside = count - customers
    kinds[customers:] = (np.arange(outside) + rng.integers(0, 3)) % 3
    return kinds


def mobile_number(number: Ints, which: int) -> Ints:
    """Return the mobile number of a person's first (0) or former (1) subscription.

    The last eight digits are a permutation of the index: nobody gets another's number.
    """
    index = np.asarray(number, np.int64) * 2 + which
    prefix = _MOBILE_PREFIXES[(index * 7 // 3) % len(_MOBILE_PREFIXES)]
    return (
        prefix * np.int64(100_000_000) + (index * 61_803_399 + 20_000_001) % 100_000_000
    )


def switchboard_number(employer: Ints) -> Ints:
    """Return the number that calls from a firm show: three switchboards serve all."""
    return 2_162_288_000 + employer % 3


def phone_text(phone: Ints) -> pa.Array:
    """Return numbers as dialled at home: mobiles bare, land lines with a leading 0."""
    return either(
        phone < 10_000_000_000, joined("0", digits(phone, 10)), digits(phone, 11)
    )


def international(phone: Ints) -> pa.Array:
    """Return numbers in E.164."""
    short = digits(phone, 10)
    return joined("+86", either(phone < 10_000_000_000, short, digits(phone, 11)))


def _identities(
    pools: Pools, block: int, birth: Ints, is_male: Bools, is_latin: Bools, city: Ints
) -> Ints:
    """Return the first 17 digits of national ids: region, birth date, number.

    People of one birth date, sex and region get different numbers: the block's range of
    eight and the place within it choose one of 10,000 pairs of district and number.
    """
    regions = np.array(pools.city_regions)[city]
    regions = np.where(is_latin, _FOREIGN_REGION + city * 20, regions)
    group = (birth * 1_000_000 + regions) * 2 + is_male
    pair = (block * 8 + _rank_in_group(group)) * 7919 + birth * 31 + regions * 17
    district, serial = np.divmod(pair % 10_000, 500)
    stamp = _date_digits(birth)
    number: Ints = ((regions + district) * 10**8 + stamp) * 1000 + serial * 2 + is_male
    return number


def _rank_in_group(group: Ints) -> Ints:
    order = np.argsort(group, kind="stable")
    ordered = group[order]
    starts = np.concatenate(([True], ordered[1:] != ordered[:-1]))
    first = np.maximum.accumulate(np.where(starts, np.arange(len(group)), 0))
    rank = np.empty(len(group), np.int64)
    rank[order] = np.arange(len(group)) - first
    return rank


def _date_digits(days: Ints) -> Ints:
    stamps = days.astype("datetime64[D]")
    months = stamps.astype("datetime64[M]")
    years = stamps.astype("datetime64[Y]").astype(np.int64) + 1970
    month = months.astype(np.int64) % 12 + 1
    day = (stamps - months.astype("datetime64[D]")).astype(np.int64) + 1
    digits_of_date: Ints = years * 10_000 + month * 100 + day
    return digits_of_date


def national_id(identity: Ints) -> pa.Array:
    """Return 18-character national ids: the 17 digits and their check (GB 11643)."""
    total = np.zeros(len(identity), np.int64)
    for place, weight in enumerate(_ID_WEIGHTS):
        total += identity // 10 ** (16 - place) % 10 * weight
    check = plain(picked(list(_ID_CHECKS), total % 11))
    return joined(digits(identity, 17), check)


def full_name(seed: int, people: People, who: Ints) -> pa.Array:
    """Return names as people write them: 王小明, or John Smith."""
    pools = make_pools(seed)
    male, given = people.is_male[who], people.given[who]
    chinese = joined(
        picked(pools.surnames, people.surname[who]), _given_name(pools, male, given)
    )
    latin = joined(
        either(
            male,
            picked(pools.latin_first_male, given % len(pools.latin_first_male)),
            picked(pools.latin_first_female, given % len(pools.latin_first_female)),
        ),
        " ",
        picked(pools.latin_last, given // 1000 % len(pools.latin_last)),
    )
    return either(people.is_latin[who], latin, chinese)


def _given_name(pools: Pools, male: Bools, given: Ints) -> pa.Array:
    def of(characters: tuple[str, ...]) -> pa.Array:
        size = len(characters)
        second = picked(characters, given // size % size)
        return joined(
            picked(characters, given % size), either(given % 7 == 0, "", second)
        )

    return either(male, of(pools.male_characters), of(pools.female_characters))


def email_address(seed: int, people: People, who: Ints) -> pa.Array:
    """Return mail addresses, null for people without one; no two people share one."""
    pools = make_pools(seed)
    suffix = (people.number[who] + 1) * 7_654_321 % 10_000_000
    given = people.given[who]
    local = joined(
        picked(pools.surname_spellings, people.surname[who]),
        picked(("", ".", "_"), given % 3),
        picked(pools.mail_syllables, given // 3 % len(pools.mail_syllables)),
        digits(suffix, 7),
    )
    domain = picked(pools.mail_domains, given // 90 % len(pools.mail_domains))
    return only(joined(local, "@", domain), people.has_email[who])


def postal_address(seed: int, people: People, who: Ints) -> pa.Array:
    """Return addresses for letters; a household has one."""
    pools = make_pools(seed)
    house = people.house[who]
    return joined(
        picked(pools.city_prefixes, people.city[who]),
        picked(pools.streets, people.street[who]),
        pa.array(house).cast(pa.string()),
        "号",
        pa.array(house % 28 + 1).cast(pa.string()),
        "室",
    )
