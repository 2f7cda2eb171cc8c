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

KEY_BYTES = 32
_CARD = re.compile(r"(?<!\d)(?:\d[ -]?){12,18}\d(?!\d)")
_CARD_BYTES = re.compile(rb"(?<!\d)(?:\d[ -]?){12,18}\d(?!\d)")
_CANDIDATE = r"\d(?:[ -]?\d){12}"
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


@dataclass(frozen=True, repr=False)
class Keys:
    """The bank's secret: one half makes tokens, the other seals raw records."""

    token: bytes
    seal: bytes


def load_keys(path: Path) -> Keys:
    """Return the keys of a file, made with mode 0600 where there is none yet.

    The same file gives the same tokens for ever; whoever loses it loses the link from
    cards to history, so it belongs in the bank's backup of secrets.
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
        raise ValueError(f"{path} is not a key file of {2 * KEY_BYTES} bytes")
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
        13 <= len(digits) <= 19
        and digits.isascii()
        and digits.isdigit()
        and passes_luhn(digits)
    )


def card_token(number: str, keys: Keys) -> str:
    """Return the keyed token of a card number: 32 hex digits of HMAC-SHA-256."""
    digits = number.replace(" ", "").replace("-", "")
    return hmac.digest(keys.token, digits.encode(), "sha256").hex()[:32]


def tokenise(
    column: pa.ChunkedArray, keys: Keys
) -> tuple[pa.Array, pa.Array, pa.Array]:
    """Return tokens, last four digits, and which values are no card number.

    Empty values give null tokens and are not at fault.
    """
    encoded = pc.utf8_trim_whitespace(column).combine_chunks().dictionary_encode()
    values = encoded.dictionary.to_pylist()
    valid = [bool(v) and is_card_number(v) for v in values]
    tokens = [
        card_token(v, keys) if ok else None for v, ok in zip(values, valid, strict=True)
    ]
    last4 = [v[-4:] if ok else None for v, ok in zip(values, valid, strict=True)]
    wrong = [bool(v) and not ok for v, ok in zip(values, valid, strict=True)]
    take = encoded.indices
    return (
        pa.array(tokens, pa.string()).take(take),
        pa.array(last4, pa.string()).take(take),
        pc.fill_null(pa.array(wrong, pa.bool_()).take(take), False),
    )


def masked_text(text: str) -> str:
    """Return a text with every card number in it cut to its last four digits."""

    def mask(match: re.Match[str]) -> str:
        found = match.group()
        return f"****{found[-4:]}" if is_card_number(found) else found

    return _CARD.sub(mask, text)


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
