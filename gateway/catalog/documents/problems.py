"""What is wrong with a document that somebody brings, and where in it."""

from gateway.errors import InvalidRequest

# Names in a document may be as long as anything.
_LONGEST_PLACE = 1_000


class DocumentError(InvalidRequest):
    """A document cannot be taken. The message is one sentence; `details` is `{"field": "document", "rule", "place"}`.

    `place` is a JSON pointer into the document (RFC 6901, in its `#/...` form), or `line 12` while it is still text.
    What was given beside the document (`baseUrl`, `auth.header`) is its own place, and the `field` too.
    """

    def __init__(self, place: str, rule: str, message: str) -> None:
        if len(place) > _LONGEST_PLACE:
            place = f"{place[:_LONGEST_PLACE]}…"
        field = "document" if place.startswith(("#", "line ")) else place
        self.sentence = message
        super().__init__(f"{place}: {message}", details={"field": field, "rule": rule, "place": place})
        self.place = place
        self.rule = rule


class NotServed(DocumentError):
    """One operation of a good document that cannot be called from here. The others are served all the same."""
