"""MCP resources and prompts of a server, made from live data for the one who asks, under the server's one policy.

What connectors say of themselves is handed on as data, in JSON; sentences of ours never contain it.
"""
