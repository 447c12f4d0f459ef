"""Connector documents: load, normalise, describe, search.

Where to begin, in the order in which a document goes through:

1. `reading` (with `yaml_events`, `lines`): bytes to a document; `versions`, `swagger`: which are taken, and how.
2. `pointers`, `references`, `problems`, `complaints`: places in it, and what is wrong there.
3. `loader`: the document to a Connector (`model`), by way of `extension` (`x-connector`), `servers`,
   `authentication`, `security`, `operations` (with `names`, `inputs`, `answers`, `mirrored`), and `publishing`
   (prompts and resources: `published`, `blocks`).
4. `schemas` (with `dialect`, `keywords`, `patterns`, `weights`, `objects`, `inlining`, `written`): its schemas, whole
   for the validator and small for assistants; `layout`: where each argument goes.
5. `describing` (with `samples`): an action in words.
6. `catalog` (with `indexing`, `search`): the connectors of an account, kept until they change (`changes`).
7. `lint`: what will make people stumble.
"""
