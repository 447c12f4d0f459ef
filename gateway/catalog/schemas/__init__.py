"""The schemas of a document: whole for the validator, small for assistants.

`resolving` is the door. `dialect` and `keywords` turn OpenAPI's schemas into JSON Schema 2020-12, `inlining` writes out
references within bounds, `objects` looks for members, `patterns` and `weights` refuse what would cost too much,
`complaints` says what a value breaks, and `samples` makes one up. Imports `documents` alone.
"""
