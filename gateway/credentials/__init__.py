"""Users' keys for platforms: sealed at rest, opened only to be sent."""
