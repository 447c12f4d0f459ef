"""Rules of single operations: names, words, parameters, answers."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping

from gateway.catalog.actions.layout import layout
from gateway.catalog.documents.pointers import followed, text
from gateway.catalog.lint.subject import Said, Subject, listed

_PLACEHOLDER = re.compile(r"\{([^{}/]+)\}")
# What a person would take for a secret. Less than what is hidden by itself, where the description says so.
_LIKE_A_SECRET = re.compile(r"(?:^|[_-])(?:api[_-]?key|secret|password|access[_-]?token)$", re.IGNORECASE)

# Words of names that promise to take something away.
_TAKES_AWAY = {
    *("archive", "cancel", "clear", "delete", "destroy", "erase", "purge", "refund"),
    *("remove", "revoke", "terminate", "trash", "uninstall", "void", "wipe"),
}
_PARTS_OF_A_NAME = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


def findings(subject: Subject) -> Iterator[Said]:
    for rule in (_names, _words, _parameters, _answers, _destruction):
        yield from rule(subject)


def _names(subject: Subject) -> Iterator[Said]:
    given = Counter(text(node, "operationId") for _, _, _, node, _ in subject.operations)
    for _, place, _, node, action in subject.operations:
        name = text(node, "operationId")
        if action.action_id == name:
            continue
        if not name:
            message = "it has no operationId."
        elif given[name] > 1:
            message = f"{given[name]} operations have the operationId {name[:80]}."
        else:
            message = f"the operationId {name[:80]} is no safe name (1 to 64 of A-Z a-z 0-9 _ . -)."
        remedy = f"It is called {action.action_id}; give it an operationId of its own for a better name."
        yield "operationId", place, message, remedy


def _words(subject: Subject) -> Iterator[Said]:
    for _, place, _, node, _ in subject.operations:
        if not text(node, "summary").strip() and not text(node, "description").strip():
            remedy = "Say in a sentence what it does: assistants find it by its words."
            yield "description", place, "it has neither a summary nor a description.", remedy


def _parameters(subject: Subject) -> Iterator[Said]:
    for path, place, item, node, action in subject.operations:
        known = [*listed(item.get("parameters")), *listed(node.get("parameters"))]
        named = {
            str(each.get("name"))
            for each in (followed(subject.document, one) for one in known)
            if isinstance(each, Mapping) and each.get("in") == "path"
        }
        template = _PLACEHOLDER.findall(path.partition("#")[0].partition("?")[0])
        fields = {field.name for field in subject.connector.fields}
        for name in dict.fromkeys(template):
            if name not in named and name not in fields:
                yield "path", place, f"{{{name}}} is not described.", "Describe it as a parameter in path."
        for name in sorted(named.difference(template)):
            message = f"the parameter {name[:80]} is not in the path, and so is not taken."
            yield "path", place, message, f"Write {{{name[:80]}}} into the path, or remove it."
        silent = [each.name for each in action.parameters if not each.description and each.required]
        if silent:
            message = f"required without a description: {', '.join(silent[:10])}."
            yield "parameterDescription", place, message, "Say what each is, and where to get it."
        for name, (location, _) in layout(subject.document, action).flat.items():
            # A password in a body is somebody's who is being written about: a new user's, a meeting's.
            if _LIKE_A_SECRET.search(name) and not (location == "body" and name.lower() == "password"):
                remedy = "If the platform knows the caller by it, list it in x-connector.hidden."
                yield "secret", place, f"{name[:80]} looks like a credential, and is asked for.", remedy


def _answers(subject: Subject) -> Iterator[Said]:
    for _, place, _, node, _ in subject.operations:
        responses = node.get("responses")
        if not isinstance(responses, Mapping) or not responses:
            yield "responses", place, "it has no responses.", "Describe at least the answer of success."


def _destruction(subject: Subject) -> Iterator[Said]:
    for _, place, _, node, action in subject.operations:
        if action.method == "DELETE" or "x-destructive" in node:
            continue
        named = [word.lower() for word in _PARTS_OF_A_NAME.findall(text(node, "operationId"))]
        titled = text(node, "summary").split()
        # deleteItem, files.delete, "Delete an item": the verb stands first, or last.
        said = next((word for word in (*named[:1], *named[-1:], *titled[:1]) if word.lower() in _TAKES_AWAY), None)
        if said is not None:
            message = f"by its name it takes something away ({said.lower()}), and nobody is asked before it runs."
            remedy = "Say x-destructive: true, or false where it destroys nothing."
            yield "destructive", place, message, remedy
