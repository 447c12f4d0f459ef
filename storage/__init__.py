"""SQLAlchemy Core tables, statements and the runner that executes them. Knows no HTTP and no policy."""
