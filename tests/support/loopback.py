"""An ASGI application on loopback, served in a thread for as long as a test needs it."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import uvicorn

from support.service import free_port

Application = TypeVar("Application", bound=Any)


@contextlib.contextmanager
def on_loopback(make: Callable[[str], Application], port: int | None = None) -> Iterator[Application]:
    """What `make` makes, given the URL where it is served: on any free port, unless one is given."""
    port = port or free_port()
    application = make(f"http://127.0.0.1:{port}")
    config = uvicorn.Config(application, host="127.0.0.1", port=port, log_level="error", lifespan="off", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            thread.join(0.01)
        yield application
    finally:
        server.should_exit = True
        thread.join()
