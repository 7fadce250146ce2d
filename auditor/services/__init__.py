"""One use case a module: the order of calls, no rules of their own."""
