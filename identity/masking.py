"""What of a personal value each role is shown."""

from __future__ import annotations

from typing import Any

# A steward decides who is who and must see what the records say; all others see so
# much that two values can be told apart.
ROLES = ("analyst", "steward")
_NAMES = {"full_name", "family_name", "given_name"}
_TAILS = {"phone", "national_id", "address", "identifier_value"}


def shown(column: str, value: Any, role: str) -> Any:
    """Return a value as a role may see it; what is not personal, as it is."""
    if role == "steward" or value is None:
        return value
    if column in _NAMES:
        return masked_name(str(value))
    if column in _TAILS:
        return masked_tail(str(value))
    if column == "email":
        return masked_email(str(value))
    if column == "birth_date":
        return f"{str(value)[:4]}-..-.."
    if column == "record_id":
        return masked_record(str(value))
    return value


def masked_name(name: str) -> str:
    """Return the first letter of each word of a name."""
    return " ".join(f"{word[0]}{'*' * (len(word) - 1)}" for word in name.split())


def masked_tail(value: str) -> str:
    """Return the last four characters of a value, none of one that is no longer."""
    return f"...{value[-4:]}" if len(value) > 6 else "..."


def masked_email(address: str) -> str:
    """Return the first letter of a mail address and its domain."""
    local, _, domain = address.partition("@")
    return f"{local[:1]}...@{domain}"


def masked_record(record_id: str) -> str:
    """Return a record id; of a number or an address that is one, what masks it."""
    kind, _, value = record_id.partition(":")
    if kind == "phone":
        return f"phone:{masked_tail(value)}"
    if kind == "email":
        return f"email:{masked_email(value)}"
    return record_id
