"""Card numbers stop here: keyed tokens, masking of free text, sealed raw records."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ingestion.errors import SettingsError
from ingestion.plain_forms import byte_matrix, one_array, strings_of_one_length

KEY_BYTES = 32
# What people put between the groups of a card number, and digits of full width.
# Spaces are named one by one: engines of patterns differ in what `\\s` holds.
_SPACES = "\t-\r\x1c-\x20\x85\xa0\xad\u1680\u180e\u2000-\u200f\u2028\u2029\u202f"
_SPACES += "\u205f-\u2064\u3000\ufeff"
_GAP = f"[{_SPACES}._\u2010-\u2015\u2212\uff0d-]{{0,3}}"
_DIGIT = "[0-9\uff10-\uff19]"
_RUN = re.compile(f"{_DIGIT}(?:{_GAP}{_DIGIT}){{12,}}")
_GROUP = re.compile(f"{_DIGIT}+")
_CANDIDATE = f"{_DIGIT}(?:{_GAP}{_DIGIT}){{12}}"
_ASCII_DIGITS = {0xFF10 + digit: str(digit) for digit in range(10)}
SHORTEST_CARD, LONGEST_CARD = 13, 19
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
_DOUBLED_DIGITS = np.zeros(256, np.uint8)
_DOUBLED_DIGITS[:10] = _DOUBLED
_HEX = np.frombuffer(b"".join(b"%02x" % byte for byte in range(256)), np.uint16)
_BLOCK = 64
_NONCE = 12
_TOKEN_BYTES = 16
_FIRST_SLOTS = 1 << 16
# 40 bytes each, at most half of the slots taken.
_MOST_SEEN = 1 << 21


@dataclass(frozen=True, repr=False)
class Keys:
    """The bank's secret: one half makes tokens, the other seals raw records."""

    token: bytes
    seal: bytes

    @property
    def fingerprint(self) -> str:
        """A text that differs between keys and gives nothing of them away."""
        return hmac.digest(self.token, b"fingerprint", "sha256").hex()[:16]


def load_keys(path: Path) -> Keys:
    """Return the keys of a file, made with mode 0600 where there is none yet.

    The same file gives the same tokens for ever; whoever loses it loses the link from
    cards to history, so it belongs in the bank's backup of secrets.

    Raises:
        SettingsError: The file is not one that was made here, or is cut off.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(secrets.token_bytes(2 * KEY_BYTES))
        try:
            # A link, unlike a rename, lets only the first of two makers win.
            os.link(fresh, path)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    data = path.read_bytes()
    if len(data) != 2 * KEY_BYTES:
        raise SettingsError(
            str(path),
            "is no key file",
            expected=f"{2 * KEY_BYTES} bytes",
            found=f"{len(data)} bytes",
            remedy="Put the key file back from the bank's backup of secrets.",
        )
    return Keys(data[:KEY_BYTES], data[KEY_BYTES:])


def passes_luhn(digits: str) -> bool:
    """Whether a string of digits has a right check digit (ISO/IEC 7812-1)."""
    total = 0
    for position, char in enumerate(reversed(digits)):
        digit = ord(char) - 48
        total += _DOUBLED[digit] if position % 2 else digit
    return total % 10 == 0


def is_card_number(text: str) -> bool:
    """Whether a text is 13 to 19 digits, spaces and hyphens aside, and passes Luhn."""
    digits = text.replace(" ", "").replace("-", "")
    return (
        SHORTEST_CARD <= len(digits) <= LONGEST_CARD
        and digits.isascii()
        and digits.isdigit()
        and passes_luhn(digits)
    )


def card_token(number: str, keys: Keys) -> str:
    """Return the keyed token of a card number: 32 hex digits of HMAC-SHA-256."""
    digits = number.replace(" ", "").replace("-", "")
    return hmac.digest(keys.token, digits.encode(), "sha256").hex()[:32]


@dataclass(frozen=True)
class Tokenised:
    """A column of card numbers: tokens, last four digits, and which are no number."""

    tokens: pa.Array
    last4: pa.Array
    wrong: npt.NDArray[np.bool_]


class Tokeniser:
    """Turns card numbers into tokens; several threads may use it at once."""

    def __init__(self, keys: Keys) -> None:
        self._tokens = _Tokens(keys)
        self._lock = threading.Lock()

    def tokenise(
        self, column: pa.ChunkedArray, null_values: tuple[str, ...] = ()
    ) -> Tokenised:
        """Return the tokens of a column.

        Empty values, and those that the contract says mean nothing, give null tokens
        and are not at fault.
        """
        text = one_array(column)
        found = _Found(len(text))
        nothing = np.zeros(len(text), dtype=bool)
        meant = any(is_card_number(value) for value in null_values)
        rest = np.arange(len(text))
        if not meant:
            rest = self._take(text, rest, found)
        if len(rest):
            others = text if len(rest) == len(text) else text.take(pa.array(rest))
            others = pc.utf8_trim_whitespace(others)
            nothing[rest] = _are_nothing(others, null_values)
            bare = pc.replace_substring_regex(others, "[ -]", "")
            bare = pc.if_else(pa.array(nothing[rest]), "", bare)
            self._take(bare, rest, found)
        missing = None if found.known.all() else pa.array(~found.known)
        shown, ends = (
            strings_of_one_length(data.tobytes(), len(text))
            for data in (_HEX[found.tokens], found.last4)
        )
        return Tokenised(
            _masked_out(shown, missing),
            _masked_out(ends, missing),
            ~found.known & ~nothing,
        )

    def _take(
        self, text: pa.Array, rows: npt.NDArray[np.intp], found: _Found
    ) -> npt.NDArray[np.intp]:
        """Note the tokens of card numbers of nothing but digits; return other rows."""
        lengths = np.array(pc.fill_null(pc.binary_length(text), 0))
        others = [rows[(lengths < SHORTEST_CARD) | (lengths > LONGEST_CARD)]]
        for size in np.flatnonzero(np.bincount(lengths)).tolist():
            if not SHORTEST_CARD <= size <= LONGEST_CARD:
                continue
            chosen = np.flatnonzero(lengths == size)
            is_all = len(chosen) == len(text)
            cells = byte_matrix(text if is_all else text.take(pa.array(chosen)), size)
            fits = _pass_luhn(cells)
            if not fits.all():
                others.append(rows[chosen[~fits]])
                chosen, cells = chosen[fits], cells[fits]
            with self._lock:
                tokens = self._tokens.of(cells)
            found.note(rows[chosen], tokens, cells[:, -4:])
        return np.concatenate(others)


class _Found:
    """Tokens and last four digits by row, and which rows have them."""

    def __init__(self, rows: int) -> None:
        self.known = np.zeros(rows, dtype=bool)
        self.tokens = np.zeros((rows, _TOKEN_BYTES), np.uint8)
        self.last4 = np.zeros((rows, 4), np.uint8)

    def note(
        self,
        rows: npt.NDArray[np.intp],
        tokens: npt.NDArray[np.uint8],
        last4: npt.NDArray[np.uint8],
    ) -> None:
        if len(rows) == len(self.known):
            self.tokens, self.last4 = tokens, np.ascontiguousarray(last4)
        else:
            self.tokens[rows], self.last4[rows] = tokens, last4
        self.known[rows] = True


class _Tokens:
    """Computes tokens, and remembers them in a hash table of arrays.

    A day's cards come again and again; a table of Python objects would take ten times
    the memory and most of the time.
    """

    def __init__(self, keys: Keys) -> None:
        padded = keys.token.ljust(_BLOCK, b"\0")
        # HMAC (RFC 2104) with the state behind the key kept: half of it is done once.
        self._inner = hashlib.sha256(bytes(b ^ 0x36 for b in padded))
        self._outer = hashlib.sha256(bytes(b ^ 0x5C for b in padded))
        self._slots = np.zeros(_FIRST_SLOTS, np.uint64)
        self._places = np.zeros(_FIRST_SLOTS, np.int32)
        self._tokens = np.zeros((_FIRST_SLOTS // 2, _TOKEN_BYTES), np.uint8)
        self._count = 0

    def of(self, cells: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Return the tokens of numbers of one length, given as bytes of digits."""
        values = _values(cells)
        places = self._find(values)
        unknown = np.flatnonzero(places < 0)
        if not len(unknown):
            return self._tokens[places]
        index = pa.array(values[unknown]).dictionary_encode().indices.to_numpy()
        # Codes are given in order of appearance: a higher one than any is a first.
        first = np.flatnonzero(np.diff(np.maximum.accumulate(index), prepend=-1))
        fresh = self._digests(cells[unknown[first]])
        self._remember(values[unknown[first]], fresh)
        tokens = self._tokens[np.maximum(places, 0)]
        tokens[unknown] = fresh[index]
        return tokens

    def _digests(self, cells: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        inner, outer = self._inner.copy, self._outer.copy
        found: list[bytes] = []
        numbers = np.ascontiguousarray(cells).view(f"S{cells.shape[1]}")
        for number in numbers.ravel().tolist():
            within, around = inner(), outer()
            within.update(number)
            around.update(within.digest())
            found.append(around.digest())
        digests = np.frombuffer(b"".join(found), np.uint8).reshape(len(found), -1)
        return digests[:, :_TOKEN_BYTES]

    def _find(self, values: npt.NDArray[np.uint64]) -> npt.NDArray[np.int32]:
        """Return where the token of each value lies, -1 where it is not known."""
        places = np.full(len(values), -1, np.int32)
        slots = self._home(values)
        open_ = np.arange(len(values))
        while len(open_):
            held = self._slots[slots]
            hit = held == values[open_]
            places[open_[hit]] = self._places[slots[hit]]
            on = ~hit & (held != 0)
            open_, slots = open_[on], (slots[on] + 1) % len(self._slots)
        return places

    def _home(self, values: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
        # Fibonacci hashing: the high bits of the product are well mixed.
        bits = np.uint64(65 - len(self._slots).bit_length())
        return ((values * np.uint64(0x9E3779B97F4A7C15)) >> bits).astype(np.int64)

    def _remember(
        self, values: npt.NDArray[np.uint64], tokens: npt.NDArray[np.uint8]
    ) -> None:
        if self._count + len(values) > _MOST_SEEN:
            return
        self._grow(self._count + len(values))
        places = np.arange(self._count, self._count + len(values), dtype=np.int32)
        self._tokens[places] = tokens
        self._count += len(values)
        self._insert(values, places)

    def _insert(
        self, values: npt.NDArray[np.uint64], places: npt.NDArray[np.int32]
    ) -> None:
        slots = self._home(values)
        while len(values):
            free = self._slots[slots] == 0
            self._slots[slots[free]] = values[free]
            # Of several that want one slot the last got it; the others go on.
            won = self._slots[slots] == values
            self._places[slots[won]] = places[won]
            values, places = values[~won], places[~won]
            slots = (slots[~won] + 1) % len(self._slots)

    def _grow(self, due: int) -> None:
        """Make room for so many tokens, at most half of the slots taken."""
        while due > len(self._slots) // 2:
            taken = np.flatnonzero(self._slots)
            values, places = self._slots[taken], self._places[taken]
            size = len(self._slots) * 2
            self._slots = np.zeros(size, np.uint64)
            self._places = np.zeros(size, np.int32)
            more = np.zeros((size // 2 - len(self._tokens), _TOKEN_BYTES), np.uint8)
            self._tokens = np.concatenate((self._tokens, more))
            self._insert(values, places)


def _values(cells: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint64]:
    """Return numbers of one length as integers, none of them zero."""
    value = np.zeros(len(cells), np.uint64)
    for digit in np.ascontiguousarray(cells.T) - np.uint8(0x30):
        value *= np.uint64(10)
        value += digit
    # Numbers of each length have a range of their own, above those of shorter ones.
    shorter = sum(10**size for size in range(SHORTEST_CARD, cells.shape[1]))
    return value + np.uint64(shorter + 1)


def _masked_out(strings: pa.Array, missing: pa.Array | None) -> pa.Array:
    return strings if missing is None else pc.if_else(missing, None, strings)


def _are_nothing(text: pa.Array, null_values: tuple[str, ...]) -> npt.NDArray[np.bool_]:
    meanings = pa.array([None, "", *null_values], pa.string())
    found: npt.NDArray[np.bool_] = pc.is_in(text, meanings).to_numpy(
        zero_copy_only=False
    )
    return found


def _pass_luhn(cells: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Return which rows of bytes are digits with a right check digit."""
    digits = np.ascontiguousarray(cells.T) - np.uint8(0x30)
    total = np.zeros(len(cells), np.uint8)
    largest = np.zeros(len(cells), np.uint8)
    for position, digit in enumerate(digits[::-1]):
        np.maximum(largest, digit, out=largest)
        total += _DOUBLED_DIGITS[digit] if position % 2 else digit
    found: npt.NDArray[np.bool_] = (largest <= 9) & (total % 10 == 0)
    return found


def masked_text(text: str) -> str:
    """Return a text with every card number in it cut to its last four digits.

    A card number is whole groups of digits, 13 to 19 digits together, that pass Luhn;
    a date or an amount beside it does not hide it. One in ten other numbers of that
    length passes too and is masked with them: a note is read, never joined on.
    """
    return _RUN.sub(lambda match: _masked_run(match.group()), text)


def card_numbers_in(text: str) -> list[str]:
    """Return the digits of every card number in a text, as `masked_text` finds them."""
    return [
        _digits_of(match.group()[start:end])
        for match in _RUN.finditer(text)
        for start, end in _card_spans(match.group())
    ]


def _digits_of(text: str) -> str:
    return re.sub(r"\D", "", text.translate(_ASCII_DIGITS))


def _card_spans(run: str) -> list[tuple[int, int]]:
    """Return where whole groups of a run of digits make card numbers."""
    groups = [match.span() for match in _GROUP.finditer(run)]
    spans: list[tuple[int, int]] = []
    for first, (start, _) in enumerate(groups):
        digits = ""
        for group_start, end in groups[first:]:
            digits += run[group_start:end].translate(_ASCII_DIGITS)
            if len(digits) > LONGEST_CARD:
                break
            if len(digits) >= SHORTEST_CARD and passes_luhn(digits):
                spans.append((start, end))
    return spans


def _masked_run(run: str) -> str:
    """Return a run of digit groups without the groups that make card numbers."""
    for start, end in reversed(_united(_card_spans(run))):
        shown = re.sub(r"\D", "", run[start:end])[-4:]
        run = f"{run[:start]}****{shown}{run[end:]}"
    return run


def _united(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return spans in order, those that overlap as one."""
    united: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if united and start < united[-1][1]:
            united[-1] = (united[-1][0], max(end, united[-1][1]))
        else:
            united.append((start, end))
    return united


def mask_column(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column of free text without card numbers."""
    suspects = pc.fill_null(pc.match_substring_regex(column, _CANDIDATE), False)
    if not pc.any(suspects).as_py():
        return column
    values = column.filter(suspects).to_pylist()
    masked = pa.array([masked_text(v) for v in values], pa.string())
    return pc.replace_with_mask(
        column.combine_chunks(), suspects.combine_chunks(), masked
    )


def seal(records: Sequence[bytes], keys: Keys) -> list[bytes]:
    """Return raw records encrypted (AES-256-GCM, the nonce in front of each)."""
    encrypt = AESGCM(keys.seal).encrypt
    chance = os.urandom(_NONCE * len(records))
    nonces = [chance[n : n + _NONCE] for n in range(0, len(chance), _NONCE)]
    return [n + encrypt(n, r, None) for n, r in zip(nonces, records, strict=True)]


def unseal(sealed: bytes, keys: Keys) -> bytes:
    """Return the raw record that `seal` encrypted."""
    return AESGCM(keys.seal).decrypt(sealed[:_NONCE], sealed[_NONCE:], None)
