"""Side-by-side measurements: each compares two things in one run and prints their ratio."""
