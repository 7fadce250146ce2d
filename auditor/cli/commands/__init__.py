"""One command a module; each holds ``app``."""
