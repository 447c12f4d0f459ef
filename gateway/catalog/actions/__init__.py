"""One operation of a document as one action of a connector.

`operations` is the door: `names` gives the action its id, `inputs` and `mirrored` its parameters and body, `answers`
what it gives back. `layout` says where each argument goes, `written` and `describing` tell an assistant in schemas
and words.
"""
