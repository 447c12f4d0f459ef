"""BM25F with every impact worked out beforehand: a query is a few additions of slices."""

from array import array
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from gateway.catalog.search.fields import FIELDS, METHOD_WEIGHT
from gateway.catalog.search.words import VERB_CLASSES

Scores: TypeAlias = npt.NDArray[np.float32]

K1: Final = 3.0
B: Final = 0.9
_METHOD: Final = len(FIELDS)


class Postings:
    """The inverted index: for each term, the documents that have it, what it is worth there, and in which fields.

    Rows of a term are `starts[term]:starts[term + 1]`, ascending by document. `places` has bit n set where field n of
    `FIELDS` holds the term.
    """

    def __init__(self, documents: Iterable[tuple[Sequence[list[str]], str | None]]) -> None:
        """`documents`: the words of each of `FIELDS`, and the class of the method."""
        vocabulary: defaultdict[str, int] = defaultdict()
        vocabulary.default_factory = vocabulary.__len__
        columns = _Columns()
        for texts, method in documents:
            for number, (field, found) in enumerate(zip(FIELDS, texts, strict=True)):
                kinds = [VERB_CLASSES[word] for word in found if word in VERB_CLASSES] if field.verbs else []
                columns.add(number, len(found), [vocabulary[word] for word in found], 1.0)
                columns.add(number, len(found), [vocabulary[kind] for kind in kinds], field.verbs)
            columns.add(_METHOD, 1, [vocabulary[method]] if method else [], 1.0)
            columns.end_document()
        self._count = columns.documents
        self._vocabulary = dict(vocabulary)
        self.starts, self.documents, self.impacts, self.places = columns.impacts(len(vocabulary))

    def rows(self, term: str) -> slice:
        """Where the term's rows are; empty where no document has it."""
        number = self._vocabulary.get(term)
        return slice(0, 0) if number is None else slice(int(self.starts[number]), int(self.starts[number + 1]))

    def score(self, query: Mapping[str, float]) -> Scores:
        """What each document scores for these terms with these weights."""
        scores = np.zeros(self._count, np.float32)
        for term, weight in query.items():
            rows = self.rows(term)
            scores[self.documents[rows]] += np.float32(weight) * self.impacts[rows]
        return scores

    def matches(self, term: str, documents: npt.NDArray[np.int64]) -> list[tuple[float, int]]:
        """For each of these documents: what the term is worth there, and its places; `(0, 0)` where it is not."""
        rows = self.rows(term)
        having, impacts, places = self.documents[rows], self.impacts[rows], self.places[rows]
        if not len(having):
            return [(0.0, 0)] * len(documents)
        at = np.minimum(np.searchsorted(having, documents), len(having) - 1)
        return [
            (float(impacts[row]), int(places[row])) if having[row] == document else (0.0, 0)
            for row, document in zip(at, documents, strict=True)
        ]


class _Columns:
    """The occurrences of terms as they are read: in arrays, because as objects they would take ten times the memory."""

    def __init__(self) -> None:
        self.terms = array("i")
        # Per run of terms that share a field: how many, whose, in which field of how many words, counting for what.
        self.runs = array("i")
        self.run_documents = array("i")
        self.run_fields = array("B")
        self.run_lengths = array("i")
        self.run_factors = array("f")
        self.documents = 0

    def add(self, field: int, length: int, terms: list[int], factor: float) -> None:
        if not terms:
            return
        self.terms.extend(terms)
        self.runs.append(len(terms))
        self.run_documents.append(self.documents)
        self.run_fields.append(field)
        self.run_lengths.append(length)
        self.run_factors.append(factor)

    def end_document(self) -> None:
        self.documents += 1

    def impacts(
        self, terms: int
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], Scores, npt.NDArray[np.uint16]]:
        runs, fields = np.array(self.runs, np.int32), np.array(self.run_fields, np.uint8)
        if not len(runs):
            empty = np.zeros(0, np.float32)
            return np.zeros(terms + 1, np.int64), empty.astype(np.int32), empty, empty.astype(np.uint16)
        lengths, owners = np.array(self.run_lengths, np.float32), np.array(self.run_documents, np.int32)
        frequencies = np.array(self.run_factors, np.float32)
        for number, weight in enumerate([*(field.weight for field in FIELDS), METHOD_WEIGHT]):
            here = fields == number
            if here.any():
                # A run of verb classes stands beside the run of the words it was read from: count each field once.
                _, first = np.unique(owners[here], return_index=True)
                mean = lengths[here][first].mean()
                frequencies[here] *= weight / (1 - B + B * lengths[here] / mean)
        order = np.argsort(np.array(self.terms, np.int32), kind="stable")
        term = np.array(self.terms, np.int32)[order]
        document = np.repeat(owners, runs)[order]
        # Within a term the occurrences are in the order they were read: the same document's are neighbours.
        bounds = np.flatnonzero(np.diff(term, prepend=-1) | np.diff(document, prepend=-1))
        frequency = np.add.reduceat(np.repeat(frequencies, runs)[order], bounds)
        bits = np.left_shift(np.uint16(1), fields.astype(np.uint16))
        places = np.bitwise_or.reduceat(np.repeat(bits, runs)[order], bounds)
        term, document = term[bounds], document[bounds]
        having = np.bincount(term, minlength=terms)
        rarity = np.log(1 + (self.documents - having + 0.5) / (having + 0.5)).astype(np.float32)
        impacts = rarity[term] * frequency * np.float32(K1 + 1) / (frequency + np.float32(K1))
        starts = np.concatenate([[0], np.cumsum(having)]).astype(np.int64)
        return starts, document, impacts.astype(np.float32), places
