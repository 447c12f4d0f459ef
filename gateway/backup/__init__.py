"""An installation in one file: written while the service runs, checked and put in place elsewhere."""
