"""What is made from spec/openapi.yaml and committed: types, handler stubs, the golden document, the API reference.

A tool for whoever works in a checkout of the repository; the running service imports nothing of it. Handlers are read,
never imported, so that one checkout can regenerate another. docs/regeneration.md tells the walk.
"""
