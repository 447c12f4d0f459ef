"""Servers that nobody here wrote, each started for real, registered from its own document, and driven over MCP."""
