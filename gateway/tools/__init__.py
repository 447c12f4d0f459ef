"""What an assistant is offered: the eight documented tools."""
