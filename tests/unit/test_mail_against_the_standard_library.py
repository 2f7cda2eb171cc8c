"""The values of a mail are those that the standard library's parser gives.

The oracle asks `email` for each value in the plainest way. The reader under test takes
most messages apart itself, and must not be told from it.
"""

from __future__ import annotations

import re
import time
from datetime import datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import getaddresses, parsedate_to_datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.formats import mail
from ingestion.sample.mbox import _mbox_entry

COLUMNS = (
    "Message-ID",
    "Date",
    "From",
    "From.address",
    "From.name",
    "To",
    "To.address",
    "To.name",
    "subject",
    "Subject.name",
    "In-Reply-To",
    "Reply-To.address",
    "X-Odd",
    "X-Odd.address",
    "Content-Type",
    "MIME-Version",
    "Resent-Date",
    "text",
)
PARSER = BytesParser(policy=policy.default)
Row = list[str | None]

# --- The oracle ---------------------------------------------------------------------


def expected(raw: bytes) -> Row | None:
    try:
        message = PARSER.parsebytes(raw)
        assert isinstance(message, EmailMessage)
        if not message.keys():
            return None
        return [without_surrogates(expected_value(message, n)) for n in COLUMNS]
    except Exception:
        return None


def expected_value(message: EmailMessage, name: str) -> str | None:
    header, _, part = name.partition(".")
    if name == "text":
        return expected_text(message)
    value = message[header]
    if value is None:
        return None
    if name == "Date":
        try:
            return parsedate_to_datetime(str(value)).isoformat()
        except (ValueError, TypeError):
            return str(value)
    if part:
        pairs = getaddresses([str(value)])
        shown, address = pairs[0] if pairs else ("", "")
        return address if part == "address" else shown
    return str(value).strip()


def expected_text(message: EmailMessage) -> str | None:
    part = message.get_body(preferencelist=("plain", "html"))
    if part is None:
        return None
    try:
        return str(part.get_content()).strip()
    except LookupError:
        payload = part.get_payload(decode=True)
        assert isinstance(payload, bytes)
        return payload.decode("utf-8", "replace").strip()


def without_surrogates(value: str | None) -> str | None:
    return value and re.sub("[\ud800-\udfff]", "\ufffd", value)


def found(raw: bytes) -> Row | None:
    row = mail.mail_reader(COLUMNS)(raw)
    return row and [without_surrogates(value) for value in row]


def assert_same(raw: bytes) -> None:
    assert found(raw) == expected(raw), raw


# --- Messages -----------------------------------------------------------------------

one_of = st.sampled_from
ADDRESSES = one_of(
    [
        *("a@b.cn", "<a@b>", "wang.fang@bank.com.cn", "a+b=c.d@x-y.org", "O'N@b.cn"),
        *("a@b@c", "a", "a@", "@b", "<>", "< a@b >", "a @ b", "a@[1.2.3.4]", "<a@b"),
        *('"a b"@c.d', "<@r,@s:a@b>", "a..b@c", ".a@b", "a@b.", "a@b (name)", "=?@b"),
        *("undisclosed-recipients:;", "Group: a@b, c@d;", "a@b;", "\xff@b"),
    ]
)
WORDS = one_of(
    [
        *(
            "=?utf-8?b?546LLCDoirM=?=",
            "=?utf-8?q?Wang=2C_Fang?=",
            "=?gb18030?b?0+C27g==?=",
        ),
        *("=?UTF-8?Q?=C3=A9?=", "=?iso-8859-1?q?=E9t=E9?=", "=?gb2312?B?1tC5+g==?="),
        *("=?utf-8?q?a__b?=", "=?utf-8?q?_a_?=", "=?utf-8?b?5LiA?=", "=?big5?b?pKQ=?="),
        *("=?utf-8?b?/w==?=", "=?utf-8?b?546L?", "=?utf-8?b?54?=", "=?utf-8?b?=?="),
        *("=?none?q?x?=", "=?utf-8*en?q?x?=", "=?utf-8?x?x?=", "=?utf-8?q?a b?="),
        *("=?utf-8?q?=?=", "=?utf-8?q??=", "=?utf-8?q?a?b?=", "=?utf-8?q?=C3?=", "=?"),
        *(
            "=?utf-8?b?Cg==?=",
            "=?utf-8?q?a=00b?=",
            "=?utf-8?q?=22x=5C?=",
            "?=",
            "=?=?=",
        ),
        *(
            "=?utf-8?q?a=20=20b?=",
            "=?utf-8?b?44CA?=",
            "=?utf-7?q?+2AA-?=",
            "=?utf-8?q?",
        ),
        *(
            "=?utf-8?q?(a)?=",
            '=?utf-8?q?"a"?=',
            "=?utf-8?q?<a=40b>?=",
            "=?utf-8?q?a,b?=",
        ),
        *("=?cp1252?q?=81?=", "=?us-ascii?q?=E9?=", "=?utf-8?q?=3D=3Futf-8=3F?="),
    ]
)
TEXTS = one_of(
    [
        *("hello", "hello  there", "", " ", "a\tb", "re: x", "\xe9\xff", "王", "\x00"),
        *(
            "a,b",
            '"',
            "\\",
            "(c)",
            "(",
            "((c) d)",
            "<",
            "=",
            "a.b",
            "J. Li",
            "\x0b",
            "\x1c",
        ),
        *(
            "Jo Li",
            "O'Neil",
            "x_y",
            "\x7f",
            "=41",
            "\xa0",
            "a\x85b",
            ";",
            ":",
            "[",
            "@",
        ),
    ]
)
NAMES = st.one_of(
    TEXTS,
    WORDS,
    TEXTS.map('"{}"'.format),
    st.just(r'"O\"N, \\ J."'),
    st.just('" a  b "'),
    st.just('"a" b'),
    st.just('"=?utf-8?q?a?="'),
)
SPACES = one_of([" ", "", "  ", "\t", "\n ", "\n\t", " \n ", "\n \n ", "\x0b", "\xa0"])


def spaced(*parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    plain = st.tuples(*parts).map(" ".join)
    odd = st.tuples(*(p for part in parts for p in (part, SPACES))).map("".join)
    return st.one_of(plain, odd)


MAILBOXES = st.one_of(ADDRESSES, spaced(NAMES, ADDRESSES.map("<{}>".format)))
LISTS = st.lists(MAILBOXES, min_size=1, max_size=3).flatmap(
    lambda boxes: one_of([", ", ",", ",\n ", ",\n\t", " ,", ",, "]).map(
        lambda comma: comma.join(boxes)
    )
)
SUBJECTS = st.lists(st.one_of(TEXTS, WORDS), min_size=1, max_size=4).flatmap(
    lambda words: SPACES.map(lambda space: space.join(words))
)
DATES = one_of(
    [
        *("Sun, 01 Mar 2026 10:00:00 +0800", "1 Mar 2026 10:00:00 -0530"),
        *("Tue, 31 Feb 2026 10:00:00 +0000", "Mon, 02 Mar 2026 10:00:00 -0000"),
        *("Mon, 2 Mar 2026 10:00:00 GMT", "Mon, 2 Mar 2026 10:00 +0100", "2026-03-01"),
        *("Mon, 02 Mar 26 10:00:00 +0100", "Mon, 2 Mar 2026 10:00:60 +0100", "", " "),
        *("Mon, 2 mar 2026 10:00:00 +0100", "Mon, 2 Mar 2026 24:00:00 +0100"),
        *("Mon, 2 Mar 2026 10:00:00 +0100 (CET)", "Mon, 2 Mar 2026 10:00:00 +2400"),
        *("Mon, 2 Mar 2026 10:00:00 +0165", "Mon, 2 Mar 2026 10:00:00 (CET)", "never"),
        *("Mon,  2 Mar 2026 10:00:00 +0100", "Sun, 01 Foo 2026 10:00:00 +0800"),
        *("Sun, 29 Feb 2024 10:00:00 +0000", "Mon, 2 Mar 0026 10:00:00 +0100", "王"),
        *("Mon, 2 Mar 2026 10:00:00 +0100\n (CET)", "Mon, 2 Mar 99999 1:0:0 +1"),
    ]
)
IDS = one_of(
    [
        *("<1@b.cn>", "<a.b-c$d=e@[x]>", "1@b.cn", "<a b@c>", "<a@b> <c@d>", "<a@b>x"),
        *("", "<>", "<a>", "<a@b", "<a?b@c>", "<a..b@c>", "(c) <a@b>", '<"a"@b>', "王"),
        *("<=?utf-8?q?x?=@b>", "\n <a@b>", "[<a@b>]", "<a@b>\t", "<@>", " <a@b>"),
    ]
)
KINDS = one_of(
    [
        *("text/plain", "text/plain; charset=utf-8", 'text/plain; charset="gb18030"'),
        *("text/html; charset=UTF-8", "TEXT/PLAIN; CHARSET=us-ascii", "text", "text/"),
        *(
            "text/plain;\n charset=gbk",
            "text/plain; charset=none",
            "text/plain; charset=",
        ),
        *(
            "text/plain; charset=utf-8; format=flowed",
            "text/plain; charset*=utf-8''utf-8",
        ),
        *("text/plain charset=utf-8", "application/pdf; name=x", "message/rfc822", ""),
        *(
            "text/calendar",
            "multipart/mixed",
            "text/plain; charset=utf-16",
            "/",
            "a/b/c",
        ),
        *("text/plain; charset=rot13", "text/plain; charset=punycode", "text /plain"),
        *(
            "text/plain; charset=unicode_escape",
            "message/delivery-status",
            ";",
            "王/王",
        ),
        *("text/plain; charset=utf-7", "text/plain; charset='utf-8'", "multipart/; x"),
        *("text/plain; charset=\x00", "text/plain (c); charset=utf-8", "text/rtf; x=y"),
    ]
)
ENCODINGS = one_of(
    [
        *("7bit", "8bit", "base64", "quoted-printable", "Base64", "QUOTED-PRINTABLE"),
        *("binary", "x-uuencode", "", "base64 ", "(c) base64", "none", "7bit; x", "王"),
    ]
)
BODIES = one_of(
    [
        *(
            "hello\n",
            "",
            "\n",
            "你好\n第二行\n",
            "aGVsbG8=\n",
            "aGVs\nbG8=\n\n",
            "aGVsbG8",
        ),
        *(
            "aGVs!bG8=",
            "a",
            "=C3=A9 x=\ny\n",
            "=C3=\n=A9=",
            "= \n=",
            "=0",
            "a =\n",
            "\x00",
        ),
        *(
            "xOO6w6OsztK1xA==\n",
            "\xff\xfe",
            "--X\n",
            "--XX--\n",
            " \n x \n",
            "a\rb\r",
            "\x85",
        ),
        *(
            "Content-Type: text/plain\n\nx\n",
            "begin 644 x\n#86)C\n \nend\n",
            "=\r\n=\r",
            "=ud800",
        ),
        *(
            "\\ud800",
            "+2AA-",
            "-----\n",
            "a=3D=",
            "aGVsbG8===",
            "=aGVsbG8",
            ">From x\n",
        ),
    ]
)
BLANKS = one_of(["\n", "\n", "\n", "\n", " \n", "", "\n\n"])


def headers(
    names: dict[str, st.SearchStrategy[str]], most: int
) -> st.SearchStrategy[str]:
    line = one_of(sorted(names)).flatmap(
        lambda name: st.tuples(
            one_of([name, name, name, name.lower(), name.upper()]),
            one_of([": ", ": ", ": ", ":", ":\t", ":\n ", " : "]),
            names[name],
        ).map("".join)
    )
    return st.lists(line, max_size=most).map(lambda ls: "".join(f"{x}\n" for x in ls))


PART_HEADERS = {
    "Content-Type": KINDS,
    "Content-Transfer-Encoding": ENCODINGS,
    "Content-Disposition": one_of(["inline", "attachment; filename=x", "=?", ""]),
    "X-Odd": SUBJECTS,
}
MESSAGE_HEADERS = {
    "Message-ID": IDS,
    "Date": DATES,
    "Resent-Date": DATES,
    "From": MAILBOXES,
    "To": LISTS,
    "Subject": SUBJECTS,
    "In-Reply-To": IDS,
    "Reply-To": LISTS,
    "X-Odd": SUBJECTS,
    "MIME-Version": one_of(["1.0", "1.0 (c)", ""]),
}
COMMON_PART = st.tuples(
    one_of(["text/plain; charset=utf-8", "text/html", 'text/plain; charset="gb18030"']),
    one_of(["7bit", "base64", "quoted-printable"]),
    BODIES,
).map(lambda p: f"Content-Type: {p[0]}\nContent-Transfer-Encoding: {p[1]}\n\n{p[2]}")
FIRST_PART = st.tuples(ENCODINGS, BODIES).map(
    lambda p: f"Content-Type: text/plain\nContent-Transfer-Encoding: {p[0]}\n\n{p[1]}"
)
PARTS = st.one_of(
    COMMON_PART, st.tuples(headers(PART_HEADERS, 3), BLANKS, BODIES).map("".join)
)


@st.composite
def multiparts(draw: st.DrawFn) -> str:
    opening, boundary = draw(
        one_of(
            [
                *(("boundary=XX", "XX"), ('boundary="=_part_1"', "=_part_1")),
                *(
                    ('BOUNDARY="X"', "X"),
                    ("boundary=X ", "X"),
                    ("x=y; boundary=X", "X"),
                ),
                *(
                    ('boundary="a b"', "a b"),
                    ("boundary=", ""),
                    ('boundary="=?X?="', "X"),
                ),
            ]
        )
    )
    kind = draw(one_of(["alternative", "mixed", "related", "digest"]))
    parts = draw(st.lists(PARTS, max_size=3))
    between = draw(
        one_of([f"\n--{boundary}\n"] * 5 + [f"\n--{boundary} \n", f"--{boundary}\n"])
    )
    end = draw(
        one_of(
            [f"\n--{boundary}--\n"] * 5 + ["", f"\n--{boundary}--", f"--{boundary}--x"]
        )
    )
    extra = draw(headers(PART_HEADERS, 1))
    start = draw(one_of(["", "", "preamble\n"]))
    body = start + "".join(between + part for part in parts).removeprefix(
        "\n" if draw(st.booleans()) else "-"
    )
    after = draw(one_of(["", "", "\n", "epilogue", f"\n--{boundary}\n"]))
    separator = draw(one_of(["; ", "; ", ";", ";\n ", ";\n\t"]))
    kind_line = f"Content-Type: multipart/{kind}{separator}{opening}\n"
    return f"{kind_line}{extra}\n{body}{end}{after}"


@st.composite
def common_multiparts(draw: st.DrawFn) -> str:
    boundary = draw(one_of(["=_X.1", "XX", "----=_NextPart_000"]))
    parts = draw(st.lists(st.one_of(COMMON_PART, COMMON_PART, PARTS), max_size=2))
    parts = [draw(FIRST_PART), *parts]
    body = "".join(f"--{boundary}\n{part}\n" for part in parts)
    kind = draw(one_of(["alternative", "mixed"]))
    head = f'Content-Type: multipart/{kind}; boundary="{boundary}"\n'
    after = draw(one_of(["", "\n", "epilogue\n"]))
    start = draw(one_of(["", "x\n"]))
    return f"{head}\n{start}{body}--{boundary}--{after}"


CONTENTS = st.one_of(COMMON_PART, PARTS, multiparts(), common_multiparts())


def encoded(text: str, ends: str, charset: str) -> bytes:
    raw = text.encode(charset, "replace")
    return raw.replace(b"\n", b"\r\n") if ends == "crlf" else raw


MESSAGES = st.builds(
    encoded,
    st.tuples(headers(MESSAGE_HEADERS, 6), CONTENTS).map("".join),
    one_of(["lf", "lf", "crlf"]),
    one_of(["utf-8", "latin-1"]),
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    raw = bytearray(draw(MESSAGES))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(raw)))
        length = draw(one_of([0, 0, 1, 1, 2, 10]))
        tokens = [b"", b"\n", b"\r", b"\r\n", b"\x00", b"\xff", b":", b" ", b"\t", b"="]
        tokens += [b"=?", b"?=", b"--", b'"', b"<", b",", b"From x\n", b"\n\n", b"\xc3"]
        raw[at : at + length] = draw(one_of(tokens))
    return bytes(raw)


quietly = settings(
    max_examples=400, deadline=None, suppress_health_check=list(HealthCheck)
)


@quietly
@given(MESSAGES)
def test_a_mail_has_the_values_that_the_standard_library_gives(raw: bytes) -> None:
    assert_same(raw)


@quietly
@given(mutated())
def test_a_damaged_mail_has_the_values_that_the_standard_library_gives(
    raw: bytes,
) -> None:
    assert_same(raw)


@quietly
@given(st.binary(max_size=300))
def test_bytes_have_the_values_that_the_standard_library_gives(raw: bytes) -> None:
    assert_same(raw)
    assert_same(b"X-Odd: x\n" + raw)


def test_the_standard_librarys_own_mails_have_the_values_that_it_gives() -> None:
    package = pytest.importorskip(
        "test.test_email", reason="this Python comes without its own tests"
    )
    mails = sorted((Path(str(package.__file__)).parent / "data").glob("msg_*.txt"))
    if not mails:
        pytest.skip("this Python comes without its test mails")
    for path in mails:
        raw = path.read_bytes()
        for variant in (raw, raw.replace(b"\n", b"\r\n"), raw[: len(raw) // 2]):
            assert found(variant) == expected(variant), path.name


def sample_mails() -> list[bytes]:
    names = [
        "王芳",
        "Jo Li",
        "李, 小龙",
        'O"N, J.',
        "",
        "A. Novák",
        "a" * 90,
        "王" * 40,
    ]
    texts = ["你好，\n卡号", "plain", "é à", "", "x\n" * 50, "From me\n.\n", "王" * 500]
    mails = []
    for place in range(8 * 7 * 4):
        parts = {
            "Message-ID": f"<{place}.x@b.cn>",
            "Date": datetime(2026, 3, 1 + place % 31, place % 24),  # noqa: DTZ001
            "From.address": f"user{place}@b.cn",
            "From.name": names[place % 8],
            "To.address": "branch@bank.cn",
            "Subject": texts[place % 5].replace("\n", " ") or None,
            "text": texts[place % 7],
            "In-Reply-To": "<x@y.cn>" if place % 3 else None,
        }
        mails.append(_mbox_entry(parts, place).partition(b"\n")[2])
    return mails


def test_mails_of_the_sample_bank_have_the_values_that_the_library_gives() -> None:
    for raw in sample_mails():
        assert_same(raw)
        assert_same(raw.replace(b"\n", b"\r\n"))


def test_mails_of_the_sample_bank_are_read_without_the_library() -> None:
    plain = [mail._plain_mail(raw, True) for raw in sample_mails()]
    assert len(plain) > 200
    assert None not in plain


def test_every_character_of_an_encoded_word_is_the_librarys() -> None:
    for code in range(256):
        for word in (
            f"=?gb18030?q?a=81=30={code:02X}=30?=",
            f"=?cp1252?q?={code:02x}?=",
        ):
            assert_same(f"Subject: {word}\nFrom: {word} <a@b>\n\n".encode())
        char = chr(code).encode("latin-1")
        for shape in (b"=?utf-8?q?%s?=", b'"%s"', b"a%sb", b"%s", b"a =?utf-8?q?x?=%s"):
            value = shape % char
            assert_same(b"X-Odd: " + value + b"\nFrom: " + value + b" <a@b>\n\n")
            assert_same(b"From: <" + value + b"@b>\nMessage-ID: <" + value + b"@b>\n\n")


TWO_PARTS = (
    b'Subject: x\nContent-Type: multipart/mixed; boundary="XX"\n\n'
    b"--XX\nContent-Type: text/plain%s\n\n%s\n--XX\n%s\n--XX--\n"
)
PLAIN = b"Content-Type: text/plain\n\nyo"
EDGES = {
    "an attachment first": TWO_PARTS
    % (b"\nContent-Disposition: attachment", b"hi", PLAIN),
    "html first": TWO_PARTS.replace(b"text/plain", b"text/html") % (b"", b"hi", PLAIN),
    "a boundary after a carriage return": TWO_PARTS
    % (b"", b"hi\r--XX\nA: b\n\nyo", PLAIN),
    "a soft line end last": TWO_PARTS
    % (b"\nContent-Transfer-Encoding: quoted-printable", b"hi=", PLAIN),
    "a base64 line last": TWO_PARTS
    % (b"\nContent-Transfer-Encoding: base64", b"aGk=", PLAIN),
    "many messages inside": TWO_PARTS
    % (b"", b"hi", b"Content-Type: message/rfc822\n\n" * 2000),
    "a multipart inside": TWO_PARTS
    % (b"", b"hi", b"Content-Type: multipart/mixed; boundary=YY\n\n--YY\n\n--YY--"),
    "an odd encoding of the whole": (TWO_PARTS % (b"", b"hi", PLAIN)).replace(
        b"Subject", b"Content-Transfer-Encoding: base64\nSubject"
    ),
    "a half word": b"Subject: =?x =?utf-8?q?a?= =? =?utf-8?q?b?= =?utf-8?q?c\n\n",
    "odd space between words": b"Subject: =?utf-8?q?a?= \x0b =?utf-8?q?b?=\n\n",
    "a tab between words": b"Subject: =?utf-8?q?a?=\t=?utf-8?q?b?= \tc\n\n",
    "trailing space": b"Subject: =?utf-8?q?a?= \nFrom: a@b \nDate: x \n\n",
}


@pytest.mark.parametrize("name", EDGES)
def test_an_edge_has_the_values_that_the_standard_library_gives(name: str) -> None:
    assert_same(EDGES[name])
    assert_same(EDGES[name].replace(b"\n", b"\r\n"))


# --- Hostile messages ---------------------------------------------------------------

MEGABYTE = 1_000_000


def nested(depth: int, filling: bytes) -> bytes:
    opened = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (i, i)
        for i in range(depth)
    )
    return b"X-Odd: x\n" + opened + b"\n" + filling


HOSTILE = {
    "many headers": b"a:\n" * (MEGABYTE // 3),
    "many headers before parts": b"a:\n" * (MEGABYTE // 6)
    + b"Content-Type: multipart/mixed; boundary=B\n\n"
    + b"--B\n\nx\n" * (MEGABYTE // 14),
    "an endless subject": b"Subject: "
    + b"=?utf-8?q?a?= b " * (MEGABYTE // 16)
    + b"\n\n",
    "an endless list": b"To: " + b'"a.b" <a@b>, (c) ' * (MEGABYTE // 18) + b"\n\n",
    "an endless name": b"From: " + b"a . " * (MEGABYTE // 4) + b"<a@b>\n\n",
    "a budget of names": b"From: " + b"a . " * 4000 + b"<a@b>\n\n",
    "a budget of specials": b"From: " + b"<" * 16000 + b"\n\n",
    "a budget of commas": b"To: " + b"," * 16000 + b"\n\n",
    "a budget of groups": b"To: " + b"a:" * 8000 + b"\n\n",
    "a budget of words": b"Subject: " + b"=?utf-8?q?a?= " * 1100 + b"=?\n\n",
    "a budget of quotes": b"From: " + b'" ' * 8000 + b"\n\n",
    "comments in comments": b"From: " + b"(" * MEGABYTE + b"\n\n",
    "a budget of comments": b"From: " + b"(" * 16000 + b"\n\n",
    "an endless content type": b"Content-Type: text/plain" + b"; a=b" * (MEGABYTE // 5),
    "a budget of parameters": b"Content-Type: text/plain" + b";a=b" * 4000 + b"\n\nx",
    "a budget of semicolons": b'Content-Type: text/plain; a="'
    + b";" * 16000
    + b"\n\nx",
    "long content types": b"Content-Type: multipart/mixed; boundary=B\n\n"
    + (b"--B\nContent-Type: text/x" + b";a=b" * 1000 + b"\n\n\n") * 240,
    "deep parts": nested(2000, b"x\n"),
    "deep parts and lines": nested(200, b"\n" * MEGABYTE),
    "some depth and lines": nested(7, b"\n" * MEGABYTE),
    "a boundary at each line": b"Content-Type: multipart/mixed; boundary=B\n\n"
    + b"--B\n" * (MEGABYTE // 4),
    "parts of a line": b"Content-Type: multipart/mixed; boundary=B\n\n"
    + b"--B\n\na\n" * (MEGABYTE // 7),
    "plain parts": b"Content-Type: multipart/mixed; boundary=B\n\n"
    + b"--B\na:\n\na\n" * (MEGABYTE // 10)
    + b"--B--\n",
    "punycode": b"Content-Type: text/plain; charset=punycode\n\n" + b"a" * MEGABYTE,
    "idna": b"Content-Type: text/plain; charset=idna\n\n" + b"a." * (MEGABYTE // 2),
    "one line": b"X-Odd: x" + b"a" * MEGABYTE,
    "carriage returns": b"X-Odd: x\n" + b"\r" * MEGABYTE,
    "statuses": b"Content-Type: message/delivery-status\n\n"
    + b"a:\n\n" * (MEGABYTE // 4),
    "messages in messages": b"Content-Type: message/rfc822\n\n" * (MEGABYTE // 30),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_megabyte_takes_no_more_than_seconds(name: str) -> None:
    start = time.process_time()
    mail.mail_reader(COLUMNS)(HOSTILE[name])
    assert time.process_time() - start < 4, name
