"""Traces on the specification: the same steps as transitions of the registry, on plain numbers."""
