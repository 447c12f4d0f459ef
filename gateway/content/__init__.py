"""MCP resources and prompts of a server."""
