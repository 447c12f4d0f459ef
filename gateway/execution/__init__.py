"""One action: build its request, send it, shape the answer."""
