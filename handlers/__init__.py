"""One module per tag of spec/openapi.yaml, one function per operationId, a few lines each."""
