"""From text to what an action and a goal can have in common: stemmed words, kinds of verbs, clauses."""

import re
import threading
import unicodedata
from functools import lru_cache
from typing import Final

import Stemmer

# Words that say nothing about which action is meant, and the filler of people who talk to an assistant. Some of them
# ("find") are verbs below as well: dropping them measured better than keeping them.
_STOP_WORDS: Final = """
    a an the of to in on at for from by with and or as is are be was were been am do does did this that these those it
    its my me i we our us you your they them their his her he she would could can will should may might please want
    need like also so if then than there here what which who whom whose when where how why not no any some all into
    about using use via per such other more most have has had let know help give tell provide im ive id ll s t re ve
    looking find interested additionally furthermore moreover lastly finally planning able information details
"""
STOP_WORDS: Final = frozenset(_STOP_WORDS.split())

_VERBS: Final = {
    "~create": """create add post send make insert new register publish upload append compose write schedule invite
        open start book""",
    "~list": """list get fetch show find search retrieve return view read see lookup query check display enumerate
        browse obtain download""",
    "~update": "update edit change modify patch put set rename replace move alter adjust",
    "~delete": "delete remove cancel destroy erase drop clear unsubscribe revoke archive",
}
# What a goal may ask in other words. They tell what kind of action is meant, but are no verbs of actions' names.
_ASKING: Final = {
    "~create": "share run",
    "~list": "look who what which when where",
    "~update": "mark assign",
    "~delete": "shut kill wipe purge trash",
}
# "Find" is a stop word, since most of what is found is only looked at; but where there is a search, it is that.
_SEEKING: Final = re.compile(r"\b(?:find|look(?:ing)?)\b", re.IGNORECASE)
# What these count for beside a word of the goal itself.
VERB_WEIGHT: Final = 0.5
INTENT_WEIGHT: Final = 0.5
# "Tell me" asks for something, "tell the team" says something: in a message, where there are messages.
_TELLING: Final = re.compile(r"\b(?:(?:tell|let)\s+(?!me\b|us\b)|announce|notify|inform)\b", re.IGNORECASE)
METHOD_CLASSES: Final = {
    "GET": "~list",
    "HEAD": "~list",
    "POST": "~create",
    "PUT": "~update",
    "PATCH": "~update",
    "DELETE": "~delete",
}

_WORD: Final = re.compile(r"[^\W_]+")
# `listUsers`, `HTTPServer`; but the plural in `listIDs` stays with its capitals.
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z](?!s\b)[a-z])")
# A value that a goal gives, not what it is about. Bounded on both sides: its cost must not grow with the square.
_ADDRESS: Final = re.compile(r"[^\s@]{1,64}@\S{1,255}")
_CLAUSE: Final = re.compile(r"[.;!?\n]+\s|[,\n]|\b(?:and|then|also|after that|additionally|finally)\b", re.IGNORECASE)

# In characters. A goal is a sentence or two; what is longer is read as far as this.
MAX_GOAL: Final = 2_000
# Each clause is a pass over all actions: a long text of many commas must not buy many passes.
MAX_CLAUSES: Final = 12
# What is longer is no word of a language; and stems are remembered.
MAX_WORD: Final = 40

_stemmer = Stemmer.Stemmer("english", 0)
# One stemmer holds one buffer, and an index is built in a thread while another one answers.
_stemming = threading.Lock()


@lru_cache(maxsize=65_536)
def stem(word: str) -> str:
    """The English stem of one lower-case word: `companies` -> `compani`."""
    with _stemming:
        stemmed: str = _stemmer.stemWord(word)
    return stemmed


def _classes(verbs: dict[str, str]) -> dict[str, str]:
    return {stem(verb): kind for kind, listed in verbs.items() for verb in listed.split()}


VERB_CLASSES: Final = _classes(_VERBS)
SEARCH: Final = stem("search")
_MESSAGE: Final = stem("message")
_GOAL_CLASSES: Final = _classes(_ASKING) | VERB_CLASSES


def _plain(text: str) -> str:
    if not text.isascii():
        decomposed = unicodedata.normalize("NFKD", text.replace("\N{RIGHT SINGLE QUOTATION MARK}", ""))
        text = "".join(character for character in decomposed if not unicodedata.combining(character))
    return text.replace("'", "")


def _split(text: str) -> list[str]:
    return [word[:MAX_WORD] for word in _WORD.findall(_CAMEL.sub(" ", text).lower())]


def all_words(text: str) -> list[str]:
    """The stems of every word, stop words too: for names, where `of` and `id` are part of what is said."""
    return [stem(word) for word in _split(_plain(text))]


def words(text: str) -> list[str]:
    """The stems of the words that carry meaning, in order, repeats kept."""
    return [stem(word) for word in _split(_plain(text)) if word not in STOP_WORDS]


def readable(goal: str) -> str:
    """The goal as it is read: its first `MAX_GOAL` characters, without e-mail addresses, whose parts are no words."""
    # Cut twice: one character can be decomposed to eighteen.
    return _ADDRESS.sub(" ", _plain(goal[:MAX_GOAL])[:MAX_GOAL])


def spelled(text: str) -> dict[str, str]:
    """The words of a goal: stem -> as it was written first. `GitHub` counts as `git`, `hub` and `github`."""
    found: dict[str, str] = {}
    for run in _WORD.findall(_plain(text)):
        parts = _split(run)
        for part in parts if len(parts) < 2 else [*parts, "".join(parts)[:MAX_WORD]]:
            if part not in STOP_WORDS:
                found.setdefault(stem(part), run[:MAX_WORD])
    return found


def implied(goal: str) -> dict[str, float]:
    """Terms that a goal means beside its words, and what they count for: classes of verbs, a search, a message."""
    terms = {VERB_CLASSES[word]: VERB_WEIGHT for word in words(goal) if word in VERB_CLASSES}
    if _SEEKING.search(goal):
        terms[SEARCH] = INTENT_WEIGHT
    if _TELLING.search(goal):
        terms[_MESSAGE] = INTENT_WEIGHT
    return terms


def kinds(goal: str) -> set[str]:
    """The classes of all verbs of a goal, of stop words too: "find" is no word to search by, but it asks for a list."""
    found = {_GOAL_CLASSES[word] for word in all_words(goal) if word in _GOAL_CLASSES}
    return found | {"~create"} if _TELLING.search(goal) else found


def several(goal: str) -> bool:
    """Whether a word of the goal is a plural, as far as its ending tells."""
    said = (word for word in _split(_plain(goal)) if word not in STOP_WORDS)
    return any(len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")) for word in said)


def clauses(goal: str) -> list[str]:
    """The parts of a goal that could each be a step: those of two words or more that carry meaning."""
    parts = [part.strip() for part in _CLAUSE.split(goal)]
    return [part for part in parts if len(words(part)) > 1][:MAX_CLAUSES]
