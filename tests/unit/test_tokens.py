"""A card number does not get past landing, and its token stays the same for ever."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import given
from hypothesis import strategies as st

from ingestion.errors import LandingRefused, SettingsError
from ingestion.tokens import (
    Keys,
    Tokeniser,
    card_token,
    is_card_number,
    load_keys,
    mask_column,
    masked_text,
    seal,
    unseal,
)
from tests.conftest import KEYS, Channel, column, feed, key

# Numbers that the schemes publish for tests.
VISA = "4111111111111111"
AMEX = "378282246310005"
UNIONPAY = "6240008631401148"
LONG = "6212345678901232"
NOT_LUHN = "4111111111111112"

SPELLINGS = {
    "plain": f"card {VISA} please",
    "groups": "card 4111 1111 1111 1111 please",
    "hyphens": "4111-1111-1111-1111",
    "dots": "4111.1111.1111.1111",
    "two spaces": "4111  1111  1111  1111",
    "no-break spaces": "4111\u00a01111\u00a01111\u00a01111",
    "ideographic spaces": "4111\u30001111\u30001111\u30001111",
    "dashes": "4111\u20131111\u20131111\u20131111",
    "full width": "卡号４１１１１１１１１１１１１１１１。",
    "wrapped line": "4111 1111\n1111 1111",
    "glued to letters": f"card{VISA}x",
    "glued to Chinese": f"卡号{VISA}已挂失",
    "with expiry after it": f"{VISA} 12/27",
    "with amount after it": f"{VISA} 100 yuan",
    "with date before it": f"2026-03-01 {VISA}",
    "with date and time before it": f"2026-03-01 10:00 {VISA}",
    "with a number before it": f"call 7 about {VISA}, 2 of 3: 1 {VISA} 2",
    "groups between numbers": "no 12 4111 1111 1111 1111 34",
    "in quotes": f'"{VISA}"',
    "track data": f";{VISA}=27121010000000000000?",
}


@pytest.mark.parametrize("text", SPELLINGS.values(), ids=SPELLINGS.keys())
def test_no_spelling_of_a_card_number_survives(text: str) -> None:
    digits = "".join(str(int(c)) for c in masked_text(text) if c.isdigit())
    assert VISA not in digits
    assert "411111111111" not in digits
    assert "****" in masked_text(text)
    (masked,) = mask_column(pa.chunked_array([[text]])).to_pylist()
    assert masked == masked_text(text)


@pytest.mark.parametrize("number", [VISA, AMEX, UNIONPAY, "6222021234567890123"])
def test_every_length_of_a_card_number_is_known(number: str) -> None:
    check = next(d for d in "0123456789" if is_card_number(number[:-1] + d))
    right = number[:-1] + check
    assert masked_text(f"no. {right}.") == f"no. ****{right[-4:]}."


LEFT_ALONE = {
    "a phone number": "+86 138 0013 8000",
    "a resident id that fails Luhn": "11010519491231002X",
    "18 digits that fail Luhn": "110105194912310021",
    "fails Luhn": NOT_LUHN,
    "12 digits": "411111111111",
    "20 digits": "41111111111111111111",
    "a date": "2026-03-01 10:00:00",
    "words": "no number at all",
}


@pytest.mark.parametrize("text", LEFT_ALONE.values(), ids=LEFT_ALONE.keys())
def test_other_numbers_are_left_alone(text: str) -> None:
    assert masked_text(text) == text


def test_a_resident_id_that_passes_luhn_is_masked_too() -> None:
    # What is 13 to 19 digits and passes Luhn may be a card, so it is hidden.
    number = "11010519491231002" + luhn_digit("11010519491231002")
    assert masked_text(number) == f"****{number[-4:]}"


def luhn_digit(body: str) -> str:
    """Return the check digit by the textbook: double every second from the right."""
    total = 0
    for place, char in enumerate(reversed(body)):
        doubled = int(char) * (2 if place % 2 == 0 else 1)
        total += doubled // 10 + doubled % 10
    return str((10 - total % 10) % 10)


@given(
    st.text("0123456789", min_size=12, max_size=18).filter(lambda b: b[0] != "0"),
    st.text("ab，。:/年", min_size=1, max_size=5),
    st.text("0123456789 .", max_size=6),
)
def test_a_card_number_in_any_text_is_hidden(body: str, word: str, other: str) -> None:
    number = body + luhn_digit(body)
    text = f"{other} {number} {other}{word}{number}"
    assert number not in masked_text(text)


def test_masking_keeps_rows_in_place() -> None:
    chunks = pa.chunked_array([["a", None, VISA], [], ["b", f"x {VISA}", ""]])
    assert mask_column(chunks).to_pylist() == [
        "a",
        None,
        "****1111",
        "b",
        "x ****1111",
        "",
    ]


def test_one_card_has_one_token_however_it_is_written() -> None:
    written = [VISA, "4111 1111 1111 1111", "4111-1111-1111-111 1"]
    found = Tokeniser(KEYS).tokenise(pa.chunked_array([written]))
    assert set(found.tokens.to_pylist()) == {card_token(VISA, KEYS)}
    assert set(found.last4.to_pylist()) == {"1111"}
    assert not found.wrong.any()


def test_other_keys_and_other_cards_give_other_tokens() -> None:
    other = Keys(b"u" * 32, KEYS.seal)
    found = {card_token(n, k) for n in (VISA, AMEX) for k in (KEYS, other)}
    assert len(found) == 4


def test_what_is_no_card_number_is_at_fault_and_what_is_empty_is_not() -> None:
    column = pa.chunked_array([[NOT_LUHN, "", None, "NONE", "x", VISA]])
    found = Tokeniser(KEYS).tokenise(column, ("NONE",))
    assert found.wrong.tolist() == [True, False, False, False, True, False]
    assert [bool(t) for t in found.tokens.to_pylist()] == [False] * 5 + [True]
    assert found.last4.to_pylist() == [None] * 5 + ["1111"]


def with_check_digit(stem: str) -> str:
    return next(stem + d for d in "0123456789" if is_card_number(stem + d))


@given(
    stems=st.lists(st.from_regex(r"[0-9]{12,18}", fullmatch=True), min_size=1),
    picks=st.lists(st.integers(0, 10**6), min_size=1, max_size=200),
)
def test_tokens_are_hmac_sha_256_however_many_and_in_whatever_order(
    stems: list[str], picks: list[int]
) -> None:
    numbers = [with_check_digit(stem) for stem in stems]
    tokeniser = Tokeniser(KEYS)
    for first in range(0, len(picks), 50):  # several chunks share what is remembered
        chunk = [numbers[p % len(numbers)] for p in picks[first : first + 50]]
        found = tokeniser.tokenise(pa.chunked_array([chunk]))
        assert found.tokens.to_pylist() == [card_token(n, KEYS) for n in chunk]
        assert found.last4.to_pylist() == [n[-4:] for n in chunk]


def test_more_cards_than_the_table_first_has_room_for_keep_their_tokens() -> None:
    numbers = [with_check_digit(f"62284{n:010}") for n in range(40_000)]
    tokeniser = Tokeniser(KEYS)
    for chunk in (numbers[:30_000], numbers, numbers[::-1]):
        found = tokeniser.tokenise(pa.chunked_array([chunk]))
        sampled = found.tokens.to_pylist()[::997]
        assert sampled == [card_token(n, KEYS) for n in chunk[::997]]


def test_a_sealed_record_opens_with_its_key_only() -> None:
    sealed, again = seal([b"raw", b"raw"], KEYS)
    assert b"raw" not in sealed
    assert again != sealed
    assert unseal(sealed, KEYS) == b"raw"
    with pytest.raises(InvalidTag):
        unseal(sealed, Keys(KEYS.token, b"x" * 32))


def test_the_key_file_is_its_owners_alone_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "card.key"
    first = load_keys(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_keys(path) == first
    assert first.token != first.seal
    assert load_keys(tmp_path / "other.key") != first
    assert [p.name for p in path.parent.iterdir()] == ["card.key"]
    assert first.token.hex() not in repr(first)
    assert repr(first.token) not in repr(first)


def test_a_cut_off_key_file_is_an_error_of_one_line(tmp_path: Path) -> None:
    path = tmp_path / "card.key"
    path.write_bytes(b"short")
    with pytest.raises(SettingsError, match="is no key file"):
        load_keys(path)


def test_processes_that_make_the_key_at_once_agree(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from ingestion.tokens import load_keys; "
        "print(load_keys(pathlib.Path(sys.argv[1])).token.hex())"
    )
    path = tmp_path / "card.key"
    makers = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE
        )
        for _ in range(4)
    ]
    answers = {maker.communicate(timeout=60)[0] for maker in makers}
    assert len(answers) == 1
    assert answers.pop()


def test_no_card_number_is_anywhere_after_a_landing(channel: Channel) -> None:
    columns = [
        key(),
        column("card", classification="pan", null_values=["0000000000000000"]),
        column("card_last4", last4_of="card"),
        column("note", classification="free_text"),
        column(
            "words", classification="free_text", transformSourceObjects=["one", "two"]
        ),
        column("amount", "number"),
    ]
    contract = channel.agree(feed("f", columns, {"format": "csv", "path": "f.csv"}))
    channel.deliver(
        b"id,card,note,one,two,amount,4111111111111111\n"
        b"1,4111 1111 1111 1111,my card 4111-1111-1111-1111 01/27,a,b,1,\n"
        b"2,,,4111111111111111,4111111111111111,1,\n"
        b"3,,,4111 1111,1111 1111,1,\n"
        b"4,4111111111111112,,,,1,\n"
        b"5,,,,,4111111111111111.123,\n"
        b"6,4111111111111111,note,,,1\n"
        b"7,0000000000000000,,,,1,\n"
    )
    landed = channel.land(contract)
    assert (landed.landed, landed.rejected) == (4, 3)
    rows = {r["id"]: r for r in channel.rows(contract)}
    assert rows["1"]["card_last4"] == "1111"
    assert rows["1"]["card"] == card_token(VISA, KEYS)
    assert rows["7"]["card"] is None
    rejects = channel.rejects(contract)
    assert {r["reason_code"]: r["found"] for r in rejects} == {
        "invalid_card_number": None,
        "not_a_number": "****1111.123",
        "wrong_column_count": "6 columns",
    }
    shown = repr([{**r, "raw": ""} for r in rejects])
    everything = repr(channel.rows(contract)) + repr(landed) + shown
    assert "11111111" not in everything.replace(" ", "").replace("-", "")


def test_a_refusal_says_no_card_number(channel: Channel) -> None:
    contract = channel.agree(feed("f", [key()], {"format": "csv", "path": "f.csv"}))
    channel.deliver(f"{VISA},{VISA}\n1,2\n".encode())
    with pytest.raises(LandingRefused) as refused:
        channel.land(contract)
    assert VISA not in str(refused.value)


def test_there_are_cases_to_test() -> None:
    assert SPELLINGS
    assert LEFT_ALONE
