"""OAuth 2.0: what platforms want, the clients that operators registered there, and sign-ins that have begun."""
