"""OAuth 2: how a credential is connected, and the life of its tokens."""
