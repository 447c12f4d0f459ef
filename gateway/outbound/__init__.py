"""The only door out: one HTTP client, its address guard, its limits."""
