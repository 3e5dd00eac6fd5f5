"""Shortest traces to unsafe cells, found from what the adversary may do and not from a script."""
