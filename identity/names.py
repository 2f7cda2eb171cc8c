"""Brings names of people to one normal form, Chinese ones also to pinyin.

Text in Han characters is read as a Chinese name whatever the country; text in any
other script is only folded, and split by nameparser.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache

from nameparser import Lexicon, Parser, Role
from nameparser.locales import ZH
from nicknames import NickNamer
from opencc import OpenCC
from pypinyin import lazy_pinyin

from identity.normalise import plain_text


@dataclass(frozen=True, slots=True)
class NormalName:
    """A name in the form in which equal names are equal.

    `full` is a Chinese name's simplified characters, else the same as `latin`, which
    is the family name, then the given ones. A part that is not known is empty.
    """

    full: str
    family: str
    given: str
    latin: str


# What is typed where a name is due, as letters without spaces and signs.
_PLACEHOLDERS = frozenset([
    "unknown", "na", "none", "null", "nil", "test", "testtest", "testuser",
    "testing", "tbd", "anonymous", "noname", "nameunknown", "unknownname",
    "notknown", "notgiven", "notapplicable", "notavailable", "customer",
    "undefined", "xxx", "xxxx",
    "无", "无名", "无名氏", "未知", "测试", "测试测试", "测试用户", "测试客户",
    "不详", "不明", "匿名", "佚名", "未提供", "暂无", "空", "客户", "用户",
    "姓名", "某某",
])  # fmt: skip

_SIGNS = re.compile(r"[\W\d_]+")
_HAN = r"[\u3007\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U000323af]"
_ALL_HAN = re.compile(f"{_HAN}+")
_KANA_OR_HANGUL = re.compile(
    r"[\u3005\u3041-\u3096\u30a1-\u30fa\u1100-\u11ff\uac00-\ud7af]"
)
# The dots between the parts of a name: ·, the katakana one, bullets and points. After
# a single character (王.小明) a dot is a slip: those peoples' first names are longer.
_DOT_BETWEEN = re.compile(
    rf"{_HAN}{_HAN} ?[\u00b7\u2022\u2027\u2219\u22c5\u30fb\u25cf.] ?{_HAN}"
)
_ASIDE = re.compile(r"\([^()]*\)?|\[[^\[\]]*\]?")
_APOSTROPHES = re.compile(r"['’‘ʼ`´]")


def normal_name(raw: str, country: str) -> NormalName | None:
    """Return a name without titles, split and folded; None where there is no name.

    The country decides just which of two Chinese family names in Latin letters is
    the family name: the first in Chinese-speaking ones, the last elsewhere.
    """
    text = plain_text(raw)
    if not _ALL_HAN.fullmatch(text):
        if not _is_chinese(text):
            return _name_in_letters(text, country)
        text = _ASIDE.sub("", text) or text
    han = "".join(_ALL_HAN.findall(text))
    if _CHINESE_TITLE.fullmatch(simplified(han)):
        return _name_in_letters(_ALL_HAN.sub(" ", text), country)
    return _chinese_name(han, dotted=bool(_DOT_BETWEEN.search(text)))


def _is_chinese(text: str) -> bool:
    """Whether Han characters make up the name, and it is no Japanese or Korean one."""
    outside = _ASIDE.sub("", text) or text
    return bool(_ALL_HAN.search(outside)) and not _KANA_OR_HANGUL.search(outside)


def _name_in_letters(text: str, country: str) -> NormalName | None:
    letters = _SIGNS.sub("", text).casefold()
    if not letters or letters in _PLACEHOLDERS:
        return None
    return _spelt_name(" ".join(_NUMBERS.sub(" ", text).split()), country)


def folded(text: str) -> str:
    """Return text in lower case without accents: José as jose, Straße as strasse."""
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFD", text.translate(_LETTERS))
    bare = _ACCENTS.sub("", apart).casefold()
    return unicodedata.normalize("NFC", bare)


# Letters that Unicode does not take apart into a plain one and an accent.
_LETTERS = str.maketrans(
    {"ø": "o", "Ø": "O", "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "ł": "l", "Ł": "L"}
    | {"æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "þ": "th", "Þ": "TH", "ı": "i"}
)
_ACCENTS = re.compile(r"[\u0300-\u036f]")


# --- names in Chinese characters -----------------------------------------------------

# Longer ones stand before those that they end in.
_CHINESE_TITLE = re.compile(
    "(?:先生|女士|小姐|太太|夫人|同志|师傅|阿姨|博士|院士|副教授|教授|老师|导师|校长|院长"
    "|总经理|副经理|客户经理|经理|董事长|总监|总裁|行长|主任|主管|处长|局长|科长|部长|厂长"
    "|会长|秘书长|书记|主席|医生|医师|大夫|护士|律师|法官|警官|工程师|会计师)$"
)

# Family names whose reading is not the character's commonest.
_FAMILY_READINGS = {
    "曾": "zeng", "单": "shan", "解": "xie", "仇": "qiu", "区": "ou", "查": "zha",
    "朴": "piao", "盖": "ge", "覃": "qin", "乐": "yue", "翟": "zhai",
    "缪": "miao", "洗": "xian", "种": "chong", "黑": "he", "秘": "bi",
    "折": "she", "员": "yun", "能": "nai", "郇": "xun", "繁": "po", "句": "gou",
    "都": "du", "乜": "nie", "佴": "nai", "卜": "bu", "祭": "zhai", "粘": "nian",
    "长": "chang", "阚": "kan", "乐正": "yuezheng",
}  # fmt: skip


def _chinese_name(text: str, *, dotted: bool = False) -> NormalName | None:
    """Return a name of Han characters only.

    Names with a dot in them, and of five characters and more without a family name
    of two, are of peoples without family names (买买提·艾力) or of foreigners: all is
    the given name, so that one typed without its dot is equal.
    """
    full = _untitled(simplified(text))
    if full in _PLACEHOLDERS:
        return None
    compound = full[:2] in _compound_family_names() and len(full) > 2
    size = 2 if compound else 0 if len(full) > 4 else 1
    size = 0 if dotted else size
    family = _family_pinyin(full[:size])
    given = _given_pinyin(full[size:])
    return NormalName(full, family, given, f"{family} {given}".strip())


def simplified(text: str) -> str:
    """Return Han characters in their simplified form.

    乾 stays: in a name it is read qian, and is not the traditional form of 干.
    """
    return "乾".join(_converter().convert(part) for part in text.split("乾"))


def _untitled(text: str) -> str:
    while len(rest := _CHINESE_TITLE.sub("", text)) >= 2 and rest != text:
        text = rest
    return text


@cache
def _converter() -> OpenCC:
    return OpenCC("t2s")


@cache
def _family_names() -> frozenset[str]:
    listed = {simplified(name) for name in ZH.lexicon.surnames}
    return frozenset(listed | set(_FAMILY_READINGS))


@cache
def _compound_family_names() -> frozenset[str]:
    return frozenset(name for name in _family_names() if len(name) == 2)


@lru_cache(maxsize=16_384)
def _family_pinyin(family: str) -> str:
    return _FAMILY_READINGS.get(family) or "".join(lazy_pinyin(family))


@lru_cache(maxsize=262_144)
def _given_pinyin(given: str) -> str:
    return "".join(lazy_pinyin(given))


# --- names in letters ----------------------------------------------------------------

_FAMILY_FIRST = frozenset(["CN", "TW", "HK", "MO", "SG"])

# Which of the names that the nicknames library offers are in use as formal ones: its
# list holds every short form ever recorded, Marietta for Maria and Patrick for Peter.
_FORMAL = frozenset([
    "abigail", "adam", "alan", "albert", "alexander", "alexandra", "alfred",
    "alice", "amanda", "amelia", "amy", "andrea", "andrew", "angel", "angela",
    "anna", "anne", "anthony", "antonio", "arnold", "arthur", "barbara",
    "beatrice", "bell", "bella", "benjamin", "bernard", "beverly", "brenda",
    "calvin", "cameron", "carl", "carol", "caroline", "cassandra", "catherine",
    "charles", "charlotte", "christian", "christina", "christine", "christopher",
    "clair", "clare", "clarence", "cynthia", "daisy", "daniel", "danielle",
    "david", "day", "deborah", "dennis", "donald", "dora", "dorothy", "douglas",
    "drea", "edmund", "edward", "edwin", "elaine", "eleanor", "elizabeth", "ella",
    "elsie", "emily", "emma", "erick", "eugene", "eve", "evelina", "evelyn",
    "flora", "florence", "frances", "francis", "franklin", "frederick", "fritz",
    "gabriel", "gail", "george", "gerald", "gilbert", "gregory", "hannah",
    "harold", "harriet", "helen", "henry", "herbert", "howard", "ian", "isaac",
    "isabella", "jacob", "jacqueline", "james", "jan", "jane", "janet", "jay",
    "jeffrey", "jennifer", "jeremy", "jessica", "jill", "joan", "john", "jonathan",
    "joseph", "josephine", "joshua", "jude", "judith", "julia", "julie",
    "katherine", "kendrick", "kenneth", "kimberly", "lanna", "lawrence", "leo",
    "leon", "leonard", "lewis", "lois", "lorne", "louis", "louise", "lu",
    "lucille", "lucy", "lynn", "madeline", "mae", "magda", "marc", "marcus",
    "margaret", "maria", "mark", "martha", "martin", "mary", "matthew",
    "maximilian", "maxine", "maxwell", "melissa", "micah", "michael", "michelle",
    "molly", "nancy", "natalie", "nathan", "nathaniel", "nicholas", "nicole",
    "nora", "oliver", "olivia", "pamela", "patricia", "patrick", "paul", "peter",
    "philip", "phillip", "rachel", "ralph", "randall", "raymond", "rebecca",
    "reginald", "renny", "richard", "rita", "robert", "roberta", "roger", "ronald",
    "rose", "rosemarie", "rosemary", "rupert", "russell", "sal", "samantha",
    "samuel", "sandra", "sarah", "saul", "scott", "sha", "sharon", "shay", "si",
    "sly", "solomon", "stanley", "stephanie", "stephen", "steven", "stuart",
    "susan", "sylvester", "sylvia", "teresa", "theo", "theodore", "theresa",
    "thomas", "timothy", "tobias", "valerie", "veronica", "vi", "victor",
    "victoria", "vincent", "virginia", "vivian", "walter", "wesley", "william",
    "winifred", "zachary",
])  # fmt: skip
# Where the library's offers are several and one of them is meant by nearly all.
_MEANT = {"bill": "william", "billy": "william", "joe": "joseph", "joey": "joseph"}

_PLAIN_WORDS = re.compile(r"[^\W\d_]+(?: [^\W\d_]+)*(?:, ?[^\W\d_]+(?: [^\W\d_]+)*)?")
_NUMBERS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class _Split:
    """Words of a name as typed; `is_inverted` where the family name stood first."""

    given: list[str]
    family: list[str]
    is_inverted: bool


def _spelt_name(text: str, country: str) -> NormalName | None:
    """Return a name in letters: pinyin if it can be, else what nameparser makes of it.

    The nickname that begins a given name is replaced, middle names follow it, and
    particles (van der, al) belong to the family name.
    """
    split = _split_by_hand(text)
    chinese = _pinyin_name(split, country)
    if chinese is None and not (_PLAIN_WORDS.fullmatch(text) and _is_sure(split)):
        split = _split_by_nameparser(text)
        chinese = _pinyin_name(split, country)
    if chinese is not None:
        return chinese
    split = _capitals_last(split)
    given = [word for word in map(_folded_words, split.given) if word]
    names = " ".join([_formal(given[0]), *given[1:]] if given else [])
    family = " ".join(filter(None, map(_folded_words, split.family)))
    latin = f"{family} {names}".strip()
    return NormalName(latin, family, names, latin) if latin else None


def _split_by_hand(text: str) -> _Split:
    """Return the words before the last as given names, with a comma those after it."""
    before, comma, after = text.partition(",")
    words = before.split()
    if comma:
        return _Split(after.split(), words, is_inverted=True)
    return _Split(words[:-1], words[-1:], is_inverted=False)


def _is_sure(split: _Split) -> bool:
    """Whether no word is a title, suffix or particle, so that the split stands.

    Plain names are the many, and nameparser, slower by far, splits them alike.
    """
    told = _told_words()
    both = bool(split.given and split.family)
    return both and not any(word.lower() in told for word in split.given + split.family)


@cache
def _told_words() -> frozenset[str]:
    words = Lexicon.default()
    return (
        words.titles
        | words.suffix_words
        | words.suffix_acronyms
        | words.particles
        | words.conjunctions
        | words.bound_given_names
        | words.maiden_markers
        | words.honorific_tails
    )


@cache
def _parser() -> Parser:
    return Parser()


def _split_by_nameparser(text: str) -> _Split:
    parsed = _parser().parse(text)
    starts = {each.role: each.span.start for each in parsed.tokens[::-1] if each.span}
    is_inverted = starts.get(Role.FAMILY, 0) < starts.get(Role.GIVEN, 0)
    given = [*parsed.given.split(), *parsed.middle.split()]
    return _Split(given, parsed.family.split(), is_inverted)


def _capitals_last(split: _Split) -> _Split:
    """Return a first word in capitals (DUPONT Jean) as the family name.

    Three letters are needed: two are mostly somebody's initials.
    """
    first, others = split.given[:1], [*split.given[1:], *split.family]
    if split.is_inverted or not others or not _stand_out(first, others, 3):
        return split
    return _Split(others, first, is_inverted=True)


def _stand_out(words: list[str], others: list[str], size: int) -> bool:
    """Whether just the former are in capitals and have at least so many letters."""
    former = all(len(word) >= size and word.isupper() for word in words)
    return former and bool(words) and not any(_is_in_capitals(word) for word in others)


def _is_in_capitals(word: str) -> bool:
    return len(word.rstrip(".")) > 1 and word.isupper()


def _folded_words(word: str) -> str:
    """Return a word folded, its signs gone: O'Brien as obrien, Watson-Parker as two."""
    return _SIGNS.sub(" ", folded(_APOSTROPHES.sub("", word))).strip()


@lru_cache(maxsize=16_384)
def _formal(first: str) -> str:
    """Return the formal name that a nickname stands for, if that is one in use."""
    if first in _MEANT:
        return _MEANT[first]
    offers = _nicknames().canonicals_of(first) & _FORMAL
    return offers.pop() if first not in _FORMAL and len(offers) == 1 else first


@cache
def _nicknames() -> NickNamer:
    return NickNamer()


# --- Chinese names in pinyin ---------------------------------------------------------

_SPELT_U = re.compile(r"(?<=[ln])u\u0308")
# Passports write ü as YU; after an n that begins no word it is a syllable (Jinyu).
_PASSPORT_U = re.compile(r"(?<=l)yu|(?<=\bn)yu")
# Just those that are hardly a family name of one syllable and the half of a given name,
# as 百里 or 闻人 would be: Bai Li Xin is Mr Bai.
_SPELT_APART = frozenset([
    "ouyang", "zhuge", "sima", "shangguan", "situ", "huangfu", "linghu", "murong",
    "xiahou", "duanmu",
])  # fmt: skip
_HYPHENS = re.compile(r"[-\u2010-\u2015]")


def _pinyin_name(split: _Split, country: str) -> NormalName | None:
    """Return a name of a Chinese family name and one or two more syllables, if it is.

    Either end may be the family name. Where both could be, the one in capitals is,
    else the first in Chinese-speaking countries, and the last elsewhere.
    """
    written = _with_compound_joined([*split.given, *split.family])
    if not 2 <= len(written) <= 3:
        return None
    words = [_pinyin(word) for word in written]
    if "" in words:
        return None
    is_first = _is_family_first(written, words, split.is_inverted, country)
    if is_first is None:
        return None
    family, given = (words[0], words[1:]) if is_first else (words[-1], words[:-1])
    if sum(map(_syllable_count, given)) > 2:
        return None
    joined = "".join(given)
    return NormalName(f"{family} {joined}", family, joined, f"{family} {joined}")


def _with_compound_joined(written: list[str]) -> list[str]:
    """Return words with a family name of two at the beginning as one: Ou Yang Ming."""
    joined = "".join(written[:2])
    is_compound = len(written) > 2 and joined.lower() in _SPELT_APART
    return [joined, *written[2:]] if is_compound else written


def _is_family_first(
    written: list[str], words: list[str], is_inverted: bool, country: str
) -> bool | None:
    """Whether the first word is the family name; None where it may be no Chinese name.

    The list of family names ends somewhere: in a Chinese-speaking country a first
    word of one syllable is believed to be a rare one (Nong Xiuhua).
    """
    known = _family_names_in_pinyin()
    first, last = words[0] in known and not is_inverted, words[-1] in known
    if first and last:
        return _is_first_meant(written, country)
    if first or last:
        return first
    rare = country in _FAMILY_FIRST and not is_inverted and words[0] in _syllables()
    return True if rare else None


def _is_first_meant(written: list[str], country: str) -> bool:
    if _stand_out(written[:1], written[1:], 2):
        return True
    if _stand_out(written[-1:], written[:-1], 2):
        return False
    return country in _FAMILY_FIRST


@lru_cache(maxsize=262_144)
def _pinyin(word: str) -> str:
    """Return a word in plain letters, ü as v; "" where it is not pinyin.

    A single letter is an initial, although a, e and o are syllables.
    """
    spelt = _SPELT_U.sub("v", unicodedata.normalize("NFD", word.lower()))
    bare = _APOSTROPHES.sub("", _HYPHENS.sub("", folded(spelt)))
    bare = _PASSPORT_U.sub("v", bare)
    return bare if len(bare) > 1 and _syllable_count(bare) else ""


def _syllable_count(word: str) -> int:
    """Return 1 or 2, the fewest syllables that make up the word; 0 where others do."""
    known = _syllables()
    if word in known:
        return 1
    halves = ((word[:at], word[at:]) for at in range(1, len(word)))
    return 2 if any(a in known and b in known for a, b in halves) else 0


@cache
def _syllables() -> frozenset[str]:
    """Return the syllables of Mandarin without tones, from the unified ideographs."""
    read = {lazy_pinyin(chr(code))[0] for code in range(0x4E00, 0x9FA6)}
    return frozenset(
        each for each in read if re.fullmatch(r"[a-z]*[aeiouv][a-z]*", each)
    )


@cache
def _family_names_in_pinyin() -> frozenset[str]:
    return frozenset(map(_family_pinyin, _family_names()))
