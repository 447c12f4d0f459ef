"""MCP itself: which revision a request speaks, its envelope, its method. Stateless, POST only."""
