"""What the path, the name and the title of an action say about what it takes and what it yields."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from gateway.catalog.model import Action
from gateway.catalog.search.words import SEARCH, VERB_CLASSES, all_words, stem

# Literal segments that name no resource: `/api/v3/contacts`, `/2010-04-01/Accounts`.
_ROUTINE: Final = re.compile(r"api|rest|v?\d[\d.-]*", re.IGNORECASE)
_PLACEHOLDER: Final = re.compile(r"\{([^}]+)\}")
_SUFFIX: Final = re.compile(r"\.(?:json|xml)$")
# Where the phrase ends that says what is meant: `List the members | of a channel`, `lookup | By | Email`.
_AFTER_PHRASE: Final = re.compile(r"\s(?:in|of|for|by|from|with|that|to|on|at|into|as|and|or)\s|[,;:.(]", re.IGNORECASE)
_LINKS: Final = frozenset({"by", "for", "of", "in", "from", "with"})
_SEARCHES: Final = frozenset({SEARCH, stem("query")})
# How much of a title or a description is read for what it says first, in characters.
_OPENING: Final = 120
# Verbs of paths alone: as a goal's word, "filter" is as often a noun.
_PATH_VERBS: Final = VERB_CLASSES | {stem("filter"): "~list"}


@dataclass(frozen=True, slots=True)
class Shape:
    """The path of an action, read. `placeholders` are (position of the segment, name); words are stems.

    `nouns` are the words of the last literal segment that is more than a verb: `contact` in `/v3/contacts/{id}` and in
    `/contacts/search`; the last of them is what it is about. `lists` where its verb reads (`/accounts/get`), and
    `finds_anything` where the path is a search alone (`/v1/search`, `/query`).
    """

    segments: tuple[str, ...]
    placeholders: tuple[tuple[int, str], ...]
    nouns: tuple[str, ...]
    lists: bool
    finds_anything: bool

    @property
    def head(self) -> str | None:
        return self.nouns[-1] if self.nouns else None

    @property
    def ends_in_placeholder(self) -> bool:
        return bool(self.segments) and "{" in self.segments[-1]


def shape(action: Action) -> Shape:
    """The shape of the action's path; all actions of a GraphQL platform share one, so there their names count."""
    return _path_shape(f"/{action.action_id}" if action.graphql is not None else action.path)


# Bounded well below a large catalogue: each takes some 2 KB, and only those of the last few searches are asked again.
@lru_cache(maxsize=2_048)
def _path_shape(path: str) -> Shape:
    segments = tuple(_SUFFIX.sub("", part) for part in path.split("/") if part)
    literal = [all_words(part) for part in segments if "{" not in part and not _ROUTINE.fullmatch(part)]
    nouns: list[str] = []
    lists = False
    for words in reversed(literal):
        kinds = {_PATH_VERBS[word] for word in words if word in _PATH_VERBS}
        lists = lists or kinds == {"~list"}
        nouns = noun_phrase(words)
        if nouns:
            break
    return Shape(
        segments=segments,
        placeholders=tuple(
            (position, name) for position, part in enumerate(segments) for name in _PLACEHOLDER.findall(part)
        ),
        nouns=tuple(nouns or literal[-1] if literal else ()),
        lists=lists,
        finds_anything=len(literal) == 1 and len(literal[0]) == 1 and literal[0][0] in _SEARCHES,
    )


def noun_phrase(words: list[str]) -> list[str]:
    """The words without verbs, up to a link that only limits them: `user` of `users`, `lookup`, `by`, `email`."""
    nouns: list[str] = []
    for word in words:
        if word in _LINKS and nouns:
            break
        if word not in _PATH_VERBS:
            nouns.append(word)
    return nouns


def verb(action: Action) -> str | None:
    """The class of what it does: by the title's first word, else by the last verb of its id (`contacts.insert`)."""
    opening = all_words(action.title[:_OPENING])[:1]
    ordered = [*opening, *reversed(all_words(action.action_id))]
    return next((VERB_CLASSES[word] for word in ordered if word in VERB_CLASSES), None)


def searches(action: Action) -> bool:
    """Whether it is a search, and not, say, the making of a saved one."""
    said = (*all_words(action.title[:_OPENING]), *all_words(action.action_id), *shape(action).segments)
    return SEARCH in said and verb(action) in ("~list", None)


def creates(action: Action) -> bool:
    """Whether it makes something."""
    return action.method == "POST" and verb(action) == "~create"


def listed(action: Action) -> set[str]:
    """The stems of what it says first that it lists: `channel` for "List channels of a team"."""
    return _objects(action, "~list", plural=True)


def made(action: Action) -> set[str]:
    """The stems of what it says first that it makes: `channel` for "Create a private channel"."""
    return _objects(action, "~create", plural=False)


def _objects(action: Action, kind: str, *, plural: bool) -> set[str]:
    found = set()
    for text in (action.title, action.description):
        phrase = _AFTER_PHRASE.split(text[:_OPENING], maxsplit=1)[0].split()
        if len(phrase) > 1 and (phrase[-1].endswith("s") or not plural):
            first, last = all_words(phrase[0]), all_words(phrase[-1])
            if first and last and VERB_CLASSES.get(first[0]) == kind:
                found.add(last[-1])
    return found
