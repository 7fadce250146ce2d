"""How the results of services are shown that are neither findings nor drift: a table for people, JSON for programs."""
