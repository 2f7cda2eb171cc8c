"""The values of a mail message, as the standard library's parser gives them.

The library takes some 500 microseconds a message. Messages of the plain shape, which
are nearly all, are therefore read by regular expressions, and single headers or whole
messages of any other shape go to the library. Both ways give the same values:
`tests/unit/test_mail_against_the_standard_library.py` holds them against each other.
"""

from __future__ import annotations

import codecs
import re
from binascii import Error, a2b_base64, a2b_qp
from collections.abc import Callable
from datetime import date
from email import policy
from email.headerregistry import (
    AddressHeader,
    BaseHeader,
    HeaderRegistry,
    MessageIDHeader,
    UnstructuredHeader,
)
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import getaddresses, parsedate_to_datetime
from functools import lru_cache, partial
from typing import Any, NamedTuple

Row = list[str | None]
Fields = dict[str, str]
"""First raw value of each header, without line ends, by lower-case name."""

# The library parses a header in time that grows with the square of its length. A
# message may spend this much, in squared characters: the longest header has 16 KB.
_HEADER_BUDGET = 1 << 28
# The library compares each line with the boundaries of all parts around it.
_NESTING_BUDGET = 8_000_000
_MAX_PARTS = 100_000
# Names, addresses and part headers come again and again; long ones do not.
_CACHED = 4096
_CACHED_LENGTH = 500
# Python decodes these in time that grows with the square of the length.
_SLOW_CHARSETS = frozenset({"punycode", "idna"})
_SLOW_CHARSET_BYTES = 64 * 1024

# Charsets that decode to no lone surrogates and fail in no way but UnicodeDecodeError.
_CHARSETS = frozenset(
    [
        "ascii",
        "us-ascii",
        "utf-8",
        "utf8",
        "gb18030",
        "gbk",
        "gb2312",
        "big5",
        "latin-1",
        "iso-8859-1",
        "iso-8859-2",
        "iso-8859-15",
        "windows-1250",
        "windows-1252",
        "cp1250",
        "cp1252",
    ]
)

_HEAD_END = re.compile(rb"\n\r?\n")
_FIELD = re.compile(r"(?m)^([!-9;-~]+):[ \t]*([^\n]*(?:\n[ \t][^\n]*)*)")
_MULTIPART = re.compile(
    r"(?i:multipart/(?:alternative|mixed);[ \t]*boundary)="
    r'(?:"([A-Za-z0-9_=.+:/-]+)"|([A-Za-z0-9_.+-]+))'
)
_ATOM = r"[A-Za-z0-9!#$%&'*+/=^_`{|}~-]+"
_ADDRESS = rf"{_ATOM}(?:\.{_ATOM})*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*"
_WORD = (
    r"([A-Za-z0-9_-]+)\?"
    r"(?:[bB]\?([A-Za-z0-9+/]+={0,2})|[qQ]\?((?:[!-<>@-~]|=[0-9A-Fa-f]{2})+))\?="
)
_WORDS = re.compile(rf"=\?(?<![^ \t]=\?){_WORD}(?![^ \t])")
_PHRASE = rf"{_ATOM}\.?(?: {_ATOM}\.?)*"
_QUOTED = r'(?:[ !#-<>-\[\]-~]|\\["\\])+'
_QUOTED_PAIR = re.compile(r"\\(.)")
_MAILBOX = re.compile(
    rf'(?:(?:"({_QUOTED})" ?|=\?{_WORD} |({_PHRASE}) )?<({_ADDRESS})>'
    rf"|({_ADDRESS}))(,[ \t]*|\Z)"
)
_MESSAGE_ID = re.compile(rf"<{_ATOM}(?:\.{_ATOM})*@{_ATOM}(?:\.{_ATOM})*>")
_DATE = re.compile(
    r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), )?"
    r"([0-9]{1,2} [A-Z][a-z]{2} [12][0-9]{3}) "
    r"((?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]) "
    r"(?!-0000)([+-](?:[01][0-9]|2[0-3]))([0-5][0-9])(?: \([A-Za-z ]{1,40}\))?"
)
_MONTHS = [
    "Jan",
    "Feb",
    "Mar",
    "Apr",
    "May",
    "Jun",
    "Jul",
    "Aug",
    "Sep",
    "Oct",
    "Nov",
    "Dec",
]
_NAME = re.compile(r"[!-9;-~]+")
_REGISTRY = HeaderRegistry()


def mail_reader(columns: tuple[str, ...]) -> Callable[[bytes], Row | None]:
    """Return a function that gives a message's values of `columns` in their order.

    A physical name is a header's name; `<header>.address` and `<header>.name` are the
    first address in it; `Date` comes as ISO 8601; `text` is the first text part. The
    function returns None for bytes that are no message, and raises nothing.
    """
    takes = [_take(name) for name in columns]
    return partial(_row, takes, "text" in columns)


def _row(takes: list[_Take], with_text: bool, raw: bytes) -> Row | None:
    try:
        mail = _plain_mail(raw, with_text) or _standard_mail(raw, with_text)
        return [take(mail) for take in takes] if mail.fields else None
    # The library promises to raise nothing, yet hostile headers make its lazy
    # properties raise nearly any exception.
    except Exception:
        return None


class _Mail:
    """A message's headers as they came, and its text."""

    __slots__ = ("fields", "reader", "text")

    def __init__(self, fields: Fields, text: str | None) -> None:
        self.fields = fields
        self.text = text
        self.reader: _HeaderReader | None = None

    def parsed(self, name: str) -> str:
        """Return the value of a header that the message has, as the library does."""
        if self.reader is None:
            self.reader = _HeaderReader()
        return self.reader.once(name, self.fields[name])


class _HeaderReader:
    """Parses headers as the library does, and refuses those that take too long."""

    def __init__(self) -> None:
        self.left = _HEADER_BUDGET
        self.parsed: dict[str, BaseHeader] = {}

    def once(self, name: str, value: str) -> BaseHeader:
        """Return a header of which a message has one value, parsed at most once."""
        if name not in self.parsed:
            self.parsed[name] = self(name, value)
        return self.parsed[name]

    def __call__(self, name: str, value: str) -> BaseHeader:
        """Return the header, its value given without line ends.

        Raises:
            ValueError: The message's headers are too long to be parsed.
        """
        self.left -= len(value) ** 2
        if self.left < 0:
            raise ValueError(f"header {name} is too long")
        return _REGISTRY(name, value)


_Take = Callable[[_Mail], str | None]


# --- One column ---------------------------------------------------------------------


def _take(name: str) -> _Take:
    """Return the function that takes one column's value out of a message."""
    header, _, part = name.partition(".")
    key = header.lower()
    if name == "text":
        return _text_of
    if name == "Date":
        return _date_of
    if part:
        quick = _first_address if issubclass(_REGISTRY[key], AddressHeader) else _doubt
        return partial(_address_of, key, quick, 1 if part == "address" else 0)
    return partial(_value_of, key, _quick_value(key))


def _text_of(mail: _Mail) -> str | None:
    return mail.text


def _date_of(mail: _Mail) -> str | None:
    raw = mail.fields.get("date")
    if raw is None:
        return None
    match = _DATE.fullmatch(raw)
    if match and (day := _day(match[1])):
        return f"{day}T{match[2]}{match[3]}:{match[4]}"
    value = str(mail.parsed("date"))
    try:
        return parsedate_to_datetime(value).isoformat()
    except (ValueError, TypeError):
        return value


@lru_cache(maxsize=_CACHED)
def _day(text: str) -> str | None:
    """Return `1 Mar 2026` as `2026-03-01`; None where there is no such day."""
    day, month, year = text.split(" ")
    try:
        return date(int(year), _MONTHS.index(month) + 1, int(day)).isoformat()
    except ValueError:
        return None


def _address_of(
    key: str,
    quick: Callable[[str], tuple[str, str] | None],
    place: int,
    mail: _Mail,
) -> str | None:
    raw = mail.fields.get(key)
    if raw is None:
        return None
    if pair := quick(raw):
        return pair[place]
    pairs = getaddresses([str(mail.parsed(key))])
    return pairs[0][place] if pairs else ""


def _first_address(value: str) -> tuple[str, str] | None:
    """Return name and address of the first mailbox of a list; None if in doubt."""
    read = _first_mailbox if len(value) <= _CACHED_LENGTH else _first_of_many
    return read(value)


def _first_of_many(value: str) -> tuple[str, str] | None:
    value = value.strip(" \t")
    first: tuple[str, str] | None = None
    position, comma = 0, ","
    while comma:
        match = _MAILBOX.match(value, position)
        if match is None or (pair := _mailbox(match)) is None:
            return None
        first = first or pair
        position, comma = match.end(), match[8]
    return first


_first_mailbox = lru_cache(maxsize=_CACHED)(_first_of_many)


def _mailbox(match: re.Match[str]) -> tuple[str, str] | None:
    quoted, charset, base64, q, words, address, bare, _ = match.groups()
    if bare:
        return "", bare
    name = words or ""
    if quoted:
        name = _QUOTED_PAIR.sub(r"\1", quoted)
    elif charset:
        name = _decoded_word(charset, base64, q) or " "
    # The library squeezes white space in some names and not in others.
    return (name, address) if " ".join(name.split()) == name else None


def _value_of(key: str, quick: Callable[[str], str | None], mail: _Mail) -> str | None:
    raw = mail.fields.get(key)
    if raw is None:
        return None
    value = quick(raw)
    return (str(mail.parsed(key)) if value is None else value).strip()


def _quick_value(header: str) -> Callable[[str], str | None]:
    """Return the function that reads a header's value, or None where it is in doubt."""
    kind = _REGISTRY[header]
    if issubclass(kind, UnstructuredHeader):
        return _unstructured
    if issubclass(kind, MessageIDHeader):
        return _message_id
    return _doubt


def _doubt(_value: str) -> None:
    return None


def _message_id(value: str) -> str | None:
    return value if _MESSAGE_ID.fullmatch(value) else None


def _unstructured(value: str) -> str | None:
    if "=?" in value:
        return _decoded_words(value)
    if value.isascii():
        return value
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _decoded_words(value: str) -> str | None:
    """Return a value with its encoded words decoded; None if any is not regular."""
    if not (value.isascii() and value.replace("\t", " ").isprintable()):
        return None
    shown, position = [], 0
    for match in _WORDS.finditer(value):
        between = value[position : match.start()]
        word = _decoded_word(match[1], match[2], match[3])
        if word is None or "=?" in between:
            return None
        # White space between two encoded words is not part of the text.
        if not position or between.strip(" \t"):
            shown.append(between)
        shown.append(word)
        position = match.end()
    rest = value[position:]
    return None if "=?" in rest else "".join(shown) + rest


def _decoded_word(charset: str, base64: str | None, q: str | None) -> str | None:
    if charset.lower() not in _CHARSETS:
        return None
    try:
        if base64 is None:
            return a2b_qp(q or "", header=True).decode(charset)
        return a2b_base64(base64).decode(charset) if len(base64) % 4 == 0 else None
    except (UnicodeDecodeError, Error):
        return None


# --- Messages of the plain shape ----------------------------------------------------


def _plain_mail(raw: bytes, with_text: bool) -> _Mail | None:
    """Return a message whose headers and parts are all regular; None for any other."""
    split = _split(raw)
    if split is None:
        return None
    fields, body = split
    text = _plain_text(fields, body, with_text)
    return None if text is None else _Mail(fields, text)


def _split(raw: bytes) -> tuple[Fields, bytes] | None:
    """Return headers and body of a message; None if a header is irregular."""
    end = _HEAD_END.search(raw)
    if end is None:
        return None
    fields = _fields(raw[: end.start() + 1])
    return None if fields is None else (fields, raw[end.end() :])


def _fields(head: bytes) -> Fields | None:
    """Return the headers of some whole lines; None if one of them is irregular."""
    if b"\r" in head:
        head = head.replace(b"\r\n", b"\n")
        if b"\r" in head:
            return None
    text = head[:-1].decode("ascii", "surrogateescape")
    if "\n " in text or "\n\t" in text:
        return _folded_fields(text)
    lines = text.split("\n")
    # Reversed, so that of a repeated header the first one stays.
    lines.reverse()
    try:
        pairs = [line.split(":", 1) for line in lines]
        return {_KEYS[name]: value.lstrip(" \t") for name, value in pairs}
    except ValueError:
        return None


def _folded_fields(text: str) -> Fields | None:
    pairs = _FIELD.findall(text)
    folds = text.count("\n ") + text.count("\n\t")
    if len(pairs) + folds != text.count("\n") + 1:
        return None
    pairs.reverse()
    return {_KEYS[name]: value.replace("\n", "") for name, value in pairs}


class _Keys(dict[str, str]):
    """Headers' names in lower case; no more of them than a mail archive has."""

    def __missing__(self, name: str) -> str:
        """Return a name in lower case.

        Raises:
            ValueError: It is no header's name.
        """
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no header's name")
        key = name.lower()
        if len(self) < _CACHED and len(name) <= _CACHED_LENGTH:
            self[name] = key
        return key


_KEYS = _Keys()


def _plain_text(fields: Fields, body: bytes, with_text: bool) -> str | None:
    kind = fields.get("content-type", "text/plain")
    encoding = fields.get("content-transfer-encoding", "7bit")
    if "content-disposition" in fields:
        return None
    if kind[:1] in "mM" and (multipart := _MULTIPART.fullmatch(kind)):
        if encoding.lower() not in _DECODERS:
            return None
        return _first_part(multipart[1] or multipart[2], body, with_text)
    if len(kind) + len(encoding) > _CACHED_LENGTH:
        return None
    part = _part(kind, encoding)
    return part and part.text(body, with_text)


def _first_part(boundary: str, body: bytes, with_text: bool) -> str | None:
    """Return the text of the first of some parts that are no multiparts themselves."""
    if b"\r" in body and body.count(b"\r") != body.count(b"\r\n"):
        return None
    pieces = (b"\n" + body).split(b"\n--" + boundary.encode())
    last = pieces[-1]
    if len(pieces) < 3 or not (last == b"--" or last.startswith((b"--\n", b"--\r\n"))):
        return None
    parts = [_split_part(piece) for piece in pieces[1:-1]]
    if None in parts or parts[0] is None:
        return None
    part, text = parts[0]
    if part.subtype != "plain":
        return None
    # The line end before a boundary belongs to the boundary.
    return part.text(text[:-1] if text.endswith(b"\r") else text, with_text)


def _split_part(piece: bytes) -> tuple[_Part, bytes] | None:
    """Return what a part's headers say, and its body; `piece` begins at a line end."""
    start = 2 if piece.startswith(b"\r\n") else 1
    end = _HEAD_END.search(piece, start)
    if end is None or not piece.startswith((b"\n", b"\r\n")):
        return None
    if end.start() - start > _CACHED_LENGTH:
        return None
    part = _part_of_head(piece[start : end.start() + 1])
    return None if part is None else (part, piece[end.end() :])


class _Part(NamedTuple):
    """How a part without parts is decoded; the subtype is that of a text, or empty."""

    subtype: str
    charset: str
    decoder: Callable[[bytes], bytes] | None

    def text(self, body: bytes, with_text: bool) -> str | None:
        """Return the part's text; None where it is for the library to say."""
        if self.decoder is None or self.subtype not in {"plain", "html"}:
            return None
        if not with_text:
            return ""
        try:
            return self.decoder(body).decode(self.charset, "replace").strip()
        except Error:
            return None


@lru_cache(maxsize=_CACHED)
def _part_of_head(head: bytes) -> _Part | None:
    fields = _fields(head)
    if fields is None or "content-disposition" in fields:
        return None
    return _part(
        fields.get("content-type", "text/plain"),
        fields.get("content-transfer-encoding", "7bit"),
    )


@lru_cache(maxsize=_CACHED)
def _part(kind: str, encoding: str) -> _Part | None:
    """Return what a part's headers say; None if it may contain other parts."""
    message = EmailMessage()
    message.set_raw("Content-Type", kind)
    try:
        main, sub = message.get_content_type().split("/")
        charset = message.get_param("charset", "ASCII")
    except Exception:
        return None
    if main in {"multipart", "message"}:
        return None
    is_known = isinstance(charset, str) and charset.lower() in _CHARSETS
    decoder = _DECODERS.get(encoding.lower()) if is_known else None
    return _Part(sub if main == "text" else "", str(charset), decoder)


def _as_it_is(body: bytes) -> bytes:
    return body


def _from_base64(body: bytes) -> bytes:
    joined = b"".join(body.splitlines()) if b"\r" in body else body.replace(b"\n", b"")
    if len(joined) % 4:
        raise Error("padding is missing")
    return a2b_base64(joined, strict_mode=True)


_DECODERS: dict[str, Callable[[bytes], bytes]] = {
    "7bit": _as_it_is,
    "8bit": _as_it_is,
    "binary": _as_it_is,
    "base64": _from_base64,
    "quoted-printable": a2b_qp,
}


# --- All other messages -------------------------------------------------------------


class _Message(EmailMessage):
    """A message that finds and parses each header once, and nests within bounds.

    The library goes through all headers of a message for each of its parts.
    """

    def __init__(self, policy: Any = None) -> None:
        super().__init__(policy)
        self.first: dict[str, tuple[str, str]] = {}
        self.parsed: dict[str, Any] = {}
        self.depth = 0

    def set_raw(self, name: str, value: Any) -> None:
        """Add a header as it came."""
        self.first.setdefault(name.lower(), (name, value))
        super().set_raw(name, value)

    def get(self, name: str, failobj: Any = None) -> Any:
        """Return the first header of a name."""
        key = name.lower()
        if key not in self.first:
            return failobj
        if key not in self.parsed:
            self.parsed[key] = self.policy.header_fetch_parse(*self.first[key])
        return self.parsed[key]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self.first

    def attach(self, payload: Any) -> None:
        """Add a part.

        Raises:
            ValueError: The message has too many parts, or too many lines for being
                nested this deep.
        """
        payload.depth = self.depth + 1
        rules: Any = self.policy
        reader = rules.header_factory
        reader.part_count += 1
        if payload.depth * reader.line_count > _NESTING_BUDGET:
            raise ValueError("too many lines in too many nested parts")
        if reader.part_count > _MAX_PARTS:
            raise ValueError("too many parts")
        super().attach(payload)


class _PartsReader(_HeaderReader):
    def __init__(self, line_count: int) -> None:
        super().__init__()
        self.line_count = line_count
        self.part_count = 0


def _standard_mail(raw: bytes, with_text: bool) -> _Mail:
    reader = _PartsReader(raw.count(b"\n") + raw.count(b"\r"))
    rules = policy.default.clone(header_factory=reader, message_factory=_Message)
    message: Any = BytesParser(policy=rules).parsebytes(raw)
    fields = {
        key: value.replace("\r", "").replace("\n", "")
        for key, (_, value) in message.first.items()
    }
    return _Mail(fields, _standard_text(message) if fields and with_text else None)


def _standard_text(message: EmailMessage) -> str | None:
    part = message.get_body(preferencelist=("plain", "html"))
    if part is None:
        return None
    _refuse_slow_charset(part)
    try:
        return str(part.get_content()).strip()
    except LookupError:
        payload = part.get_payload(decode=True)
        raw = payload if isinstance(payload, bytes) else b""
        return raw.decode("utf-8", "replace").strip()


def _refuse_slow_charset(part: Any) -> None:
    charset = part.get_param("charset", "ASCII")
    if len(str(part.get_payload())) <= _SLOW_CHARSET_BYTES:
        return
    try:
        name = codecs.lookup(charset).name
    except LookupError:
        return
    if name in _SLOW_CHARSETS:
        raise ValueError(f"too long a text in {name}")
