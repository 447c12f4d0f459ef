"""A document as it is written: read, checked, and the places in it.

`reading` (with `yaml_events`, `lines`) makes a document of bytes; `versions` and `swagger` say which are taken, and
how; `pointers` and `references` find places in it, and `problems` says what is wrong there. Imports no other part of
the catalogue.
"""
