"""A virtual iLO on loopback for the demo, the tests and rehearsals."""
