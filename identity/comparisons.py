"""What the linkage model compares, and which pairs it looks at: stated once.

A person record has the columns of `unblocked_persons` (sql/03_persons.sql). Conditions
are written over a pair, with `_l` and `_r` behind the column, in DuckDB's SQL.
"""

from __future__ import annotations

from dataclasses import dataclass

from splink.comparison_level_library import (
    CustomLevel,
    ElseLevel,
    ExactMatchLevel,
    NullLevel,
)
from splink.comparison_library import CustomComparison


@dataclass(frozen=True)
class Level:
    """One degree of agreement: its label, its condition, and what training starts at.

    `m` is the share of true pairs at this level, `u` that of other pairs.
    """

    label: str
    condition: str
    m: float
    u: float
    term_column: str | None = None


_LATIN = (
    "full_name_l = family_name_l || ' ' || given_name_l"
    " and full_name_r = family_name_r || ' ' || given_name_r"
)
_SORTED = "array_to_string(list_sort(string_split({}, '')), '')"
# One is the other's beginning (a part left out), or the same characters otherwise put.
_SLIP = (
    "(starts_with(full_name_l, full_name_r) or starts_with(full_name_r, full_name_l)"
    " or (length(full_name_l) = length(full_name_r)"
    f" and {_SORTED.format('full_name_l')} = {_SORTED.format('full_name_r')}))"
)
# A letter more or less makes another name of a Chinese one, in pinyin too: 王伟, 王磊.
_MISSPELT = (
    f"({_LATIN} and damerau_levenshtein(full_name_l, full_name_r)"
    " <= least(length(full_name_l), length(full_name_r)) // 6)"
)
# One letter is wrong, or two of a long word: Xiaoming and Xiaohong are two.
_ALIKE = (
    "({0} = {1} or (jaro_winkler_similarity({0}, {1}) >= 0.85"
    " and damerau_levenshtein({0}, {1}) <= length({0}) // 9 + 1))"
)
_GIVEN_ALIKE = _ALIKE.format("given_name_l", "given_name_r")
_SAME_GIVEN = (
    "given_name_l <> '' and"
    f" (given_name_l = given_name_r or ({_LATIN} and {_GIVEN_ALIKE}))"
)
_BOTH_ALIKE = f"{_ALIKE.format('family_name_l', 'family_name_r')} and {_GIVEN_ALIKE}"
_EXCHANGED = (
    f"{_ALIKE.format('family_name_l', 'given_name_r')} and "
    f"{_ALIKE.format('given_name_l', 'family_name_r')}"
)
_SHARED_COUNT = "length(list_intersect(address_parts_l, address_parts_r))"
_SHARED_PARTS = (
    f"{_SHARED_COUNT} / greatest(length(address_parts_l), length(address_parts_r))"
)
# Words misspelt, run together or torn apart are other parts of nearly the same text;
# parts that changed places are the same text when they are put in order. Texts that
# share less than two parts are not looked at: of all pairs that would cost most.
_TEXT_DISTANCE = (
    "least(levenshtein(replace(address_l, ' ', ''),"
    " replace(address_r, ' ', '')),"
    " levenshtein(address_in_order_l, address_in_order_r))"
    " / greatest(length(address_l), length(address_r))"
)
_NEAR = f"({_SHARED_COUNT} >= 2 and {_TEXT_DISTANCE} <= {{}})"
_MOST_OF_ADDRESS = f"{_SHARED_PARTS} >= 0.6 or {_NEAR.format(0.25)}"

COMPARISONS: dict[str, tuple[Level, ...]] = {
    "full_name": (
        Level("same name", "full_name_l = full_name_r", 0.90, 2e-5, "full_name"),
        Level(
            "same name in other letters",
            "family_name_l = family_name_r and given_name_l = given_name_r",
            0.02,
            4e-5,
        ),
        Level(
            "family and given name exchanged",
            "(family_name_l = given_name_r and given_name_l = family_name_r)"
            f" or ({_LATIN} and {_EXCHANGED})",
            0.005,
            1e-6,
        ),
        Level("a slip in the name", f"{_SLIP} or {_MISSPELT}", 0.03, 4e-5),
        Level(
            "both names alike",
            f"({_LATIN} and {_BOTH_ALIKE})",
            0.01,
            1e-4,
        ),
        Level("same given name", _SAME_GIVEN, 0.01, 2e-3),
        Level("same family name", "family_name_l = family_name_r", 0.005, 0.03),
    ),
    "birth_date": (
        Level("same birth date", "birth_date_l = birth_date_r", 0.97, 5e-5),
        Level(
            "a slip in the birth date",
            "damerau_levenshtein(birth_date_l, birth_date_r) <= 1"
            " or (substr(birth_date_l, 1, 4) = substr(birth_date_r, 1, 4)"
            " and substr(birth_date_l, 6, 2) = substr(birth_date_r, 9, 2)"
            " and substr(birth_date_l, 9, 2) = substr(birth_date_r, 6, 2))",
            0.02,
            1e-3,
        ),
    ),
    "sex_code": (Level("same sex", "sex_code_l = sex_code_r", 0.99, 0.5),),
    "national_id": (
        Level("same national id", "national_id_l = national_id_r", 0.75, 1e-6),
        Level(
            "a slip in the national id",
            "damerau_levenshtein(national_id_l, national_id_r) <= 1"
            " and not (is_national_id_valid_l and is_national_id_valid_r)",
            0.23,
            1e-6,
        ),
    ),
    "phone": (Level("same phone", "phone_l = phone_r", 0.75, 2e-6),),
    "email": (Level("same mail address", "email_l = email_r", 0.90, 1e-6),),
    "address": (
        Level("same address", "address_l = address_r", 0.79, 1e-5),
        # First, for it settles most pairs at once.
        Level(
            "no part of the address",
            "not list_has_any(address_parts_l, address_parts_r)",
            0.015,
            0.8,
        ),
        Level("most of the address", _MOST_OF_ADDRESS, 0.12, 1e-4),
        Level(
            "some of the address",
            f"{_SHARED_PARTS} >= 0.3 or {_NEAR.format(0.45)}",
            0.05,
            0.05,
        ),
    ),
}

# What no score outweighs: `rejected` pairs are two people, `doubtful` ones are asked.
_NAME_LEVELS = [level.condition for level in COMPARISONS["full_name"]]
VETOES: dict[str, str] = {
    "national_ids_differ": (
        "is_national_id_valid_l and is_national_id_valid_r"
        " and national_id_l <> national_id_r"
    ),
    "names_differ": (
        "full_name_l is not null and full_name_r is not null and not coalesce("
        + " or ".join(f"({condition})" for condition in _NAME_LEVELS[:-1])
        + ", false)"
    ),
}

# Two of one name are born on one day in every large bank: more must agree.
VETOES["name_and_birth_date_alone"] = (
    "full_name_l is not null and full_name_r is not null and not coalesce("
    + " or ".join(
        (
            *(f"({level.condition})" for level in COMPARISONS["national_id"]),
            "phone_l = phone_r",
            "email_l = email_r",
            # Of city and district alone there are up to three.
            f"{_SHARED_COUNT} >= 4",
            f"{_SHARED_PARTS} > 0.6",
            _NEAR.format(0.25),
        )
    )
    + ", false)"
)

# Pairs that agree on one of these are compared. A key that many records have is left
# out: see the policy `identity_limits`.
BLOCKS: dict[str, tuple[str, ...]] = {
    "national_id": ("national_id",),
    "phone": ("phone",),
    "email": ("email",),
    "birth_date": ("birth_date",),
    "name": ("full_name",),
    "family_name_and_city": ("family_name", "city_name"),
    "given_name_and_city": ("given_name", "city_name"),
    "house_and_given_name": ("address_numbers", "given_name"),
    "house_and_family_name": ("address_numbers", "family_name"),
    "house_and_city": ("address_numbers", "city_initial"),
}
# Blocks that only few records should share: what they find, a small bank needs, and to
# a large one they would cost more than all the rest.
LOOSE_BLOCKS = frozenset(
    {
        "family_name_and_city",
        "given_name_and_city",
        "house_and_family_name",
        "house_and_city",
    }
)
EM_BLOCKS: tuple[tuple[str, ...], ...] = (
    ("national_id",),
    ("full_name", "birth_date"),
    ("address", "birth_date"),
    ("full_name", "address"),
)


def splink_comparisons() -> list[CustomComparison]:
    """Return the comparisons with the values that training starts at."""
    return [_comparison(name, levels) for name, levels in COMPARISONS.items()]


def block_limit(block: str) -> str:
    """Return which limit of the policy says how many records may share a key."""
    return "max_loose_block_records" if block in LOOSE_BLOCKS else "max_block_records"


def block_rules() -> list[str]:
    """Return Splink's blocking rules, one a block, over its key column."""
    return [f"l.block_{name} = r.block_{name}" for name in BLOCKS]


def _comparison(name: str, levels: tuple[Level, ...]) -> CustomComparison:
    rest = ElseLevel().configure(
        m_probability=1 - sum(level.m for level in levels),
        u_probability=1 - sum(level.u for level in levels),
        label_for_charts="no agreement",
    )
    return CustomComparison(
        output_column_name=name,
        comparison_levels=[NullLevel(name), *map(_stated, levels), rest],
    )


def _stated(level: Level) -> CustomLevel | ExactMatchLevel:
    creator: CustomLevel | ExactMatchLevel
    if level.term_column:
        creator = ExactMatchLevel(level.term_column, term_frequency_adjustments=True)
    else:
        creator = CustomLevel(level.condition)
    creator.configure(
        m_probability=level.m, u_probability=level.u, label_for_charts=level.label
    )
    return creator
