"""How the operations come out of Connexion: it loads the spec and finds the handlers, we compile what it found."""

from typing import Any

from connexion.middleware.abstract import RoutedAPI, RoutedMiddleware

from gateway.http.operation import CompiledOperation, Environment


class _CompiledAPI(RoutedAPI[CompiledOperation]):  # type: ignore[misc]  # Connexion has no type information
    def __init__(self, *arguments: Any, environment: Environment, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._environment = environment
        self.add_paths()

    def make_operation(self, operation: Any) -> CompiledOperation:
        return CompiledOperation(operation, self._environment)


class CompiledOperations(RoutedMiddleware[_CompiledAPI]):  # type: ignore[misc]  # as above
    """The middleware that Connexion gives the spec to. It calls no next application: every path ends here."""

    api_cls = _CompiledAPI

    def __init__(self, app: Any, *, environment: Environment) -> None:
        super().__init__(app)
        self._environment = environment

    def add_api(self, specification: Any, **options: Any) -> Any:
        options = {key: options[key] for key in ("base_path", "resolver", "uri_parser_class") if key in options}
        return super().add_api(specification, environment=self._environment, **options)
