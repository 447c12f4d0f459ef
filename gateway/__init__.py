"""What happens between a handler and the store. docs/architecture.md draws the rooms and the floors."""
