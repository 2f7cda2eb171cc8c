"""Card numbers stop here: keyed tokens, masking of free text, sealed raw records."""

from __future__ import annotations

import hmac
import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ingestion.errors import SettingsError

KEY_BYTES = 32
# What people put between the groups of a card number, and digits of full width.
_GAP = "[\\s\u00a0\u2000-\u200b\u3000._\u2010-\u2015\u2212\uff0d-]{0,3}"
_DIGIT = "[0-9\uff10-\uff19]"
_RUN = re.compile(f"{_DIGIT}(?:{_GAP}{_DIGIT}){{12,}}")
_GROUP = re.compile(f"{_DIGIT}+")
_CANDIDATE = f"{_DIGIT}(?:{_GAP}{_DIGIT}){{12}}"
_ASCII_DIGITS = {0xFF10 + digit: str(digit) for digit in range(10)}
_SHORTEST, _LONGEST = 13, 19
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


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
        _SHORTEST <= len(digits) <= _LONGEST
        and digits.isascii()
        and digits.isdigit()
        and passes_luhn(digits)
    )


def card_token(number: str, keys: Keys) -> str:
    """Return the keyed token of a card number: 32 hex digits of HMAC-SHA-256."""
    digits = number.replace(" ", "").replace("-", "")
    return hmac.digest(keys.token, digits.encode(), "sha256").hex()[:32]


def tokenise(
    column: pa.ChunkedArray, keys: Keys, null_values: tuple[str, ...] = ()
) -> tuple[pa.Array, pa.Array, pa.Array]:
    """Return tokens, last four digits, and which values are no card number.

    Empty values, and those that the contract says mean nothing, give null tokens and
    are not at fault.
    """
    encoded = pc.utf8_trim_whitespace(column).combine_chunks().dictionary_encode()
    values = ["" if v in null_values else v for v in encoded.dictionary.to_pylist()]
    valid = [is_card_number(v) for v in values]
    tokens = [
        card_token(v, keys) if ok else None for v, ok in zip(values, valid, strict=True)
    ]
    last4 = [
        re.sub(r"\D", "", v)[-4:] if ok else None
        for v, ok in zip(values, valid, strict=True)
    ]
    wrong = [bool(v) and not ok for v, ok in zip(values, valid, strict=True)]
    take = encoded.indices
    return (
        pa.array(tokens, pa.string()).take(take),
        pa.array(last4, pa.string()).take(take),
        pc.fill_null(pa.array(wrong, pa.bool_()).take(take), False),
    )


def masked_text(text: str) -> str:
    """Return a text with every card number in it cut to its last four digits.

    A card number is whole groups of digits, 13 to 19 digits together, that pass Luhn;
    a date or an amount beside it does not hide it. One in ten other numbers of that
    length passes too and is masked with them: a note is read, never joined on.
    """
    return _RUN.sub(lambda match: _masked_run(match.group()), text)


def _masked_run(run: str) -> str:
    """Return a run of digit groups without the groups that make card numbers."""
    groups = [match.span() for match in _GROUP.finditer(run)]
    spans: list[tuple[int, int]] = []
    for first, (start, _) in enumerate(groups):
        digits = ""
        for group_start, end in groups[first:]:
            digits += run[group_start:end].translate(_ASCII_DIGITS)
            if len(digits) > _LONGEST:
                break
            if len(digits) >= _SHORTEST and passes_luhn(digits):
                spans.append((start, end))
    for start, end in reversed(_united(spans)):
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


def seal(raw: bytes, keys: Keys) -> bytes:
    """Return a raw record encrypted (AES-256-GCM, the nonce in front)."""
    nonce = os.urandom(12)
    return nonce + AESGCM(keys.seal).encrypt(nonce, raw, None)


def unseal(sealed: bytes, keys: Keys) -> bytes:
    """Return the raw record that `seal` encrypted."""
    return AESGCM(keys.seal).decrypt(sealed[:12], sealed[12:], None)
