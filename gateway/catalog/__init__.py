"""Connector documents: load, normalise, describe, search.

Where to begin, in the order in which a document goes through:

1. `documents/`: bytes to a document, places in it, and what is wrong there.
2. `loader`: the document to a Connector (`model`), by way of `extension` (`x-connector`), `servers`, `authentication`,
   `security`, and `publishing` (prompts and resources: `published`, `blocks`).
3. `actions/`: each operation to an action, and an action in words.
4. `schemas/`: its schemas, whole for the validator and small for assistants.
5. `catalog` (with `indexing`, `search/`): the connectors of an account, kept until they change (`changes`).
6. `lint/`: what will make people stumble.
"""
