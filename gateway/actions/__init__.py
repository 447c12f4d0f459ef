"""An action, executed for somebody: found, run with their own credential, and on record before the answer goes out.

`running` is the door: the tool `execute_action_alloy` and the Connectivity API both come there. `asked` says what is to
be run, `tokens` gets the credential and keeps it fresh, `recording` writes the audit row, and `probing` tries a
credential.
"""
