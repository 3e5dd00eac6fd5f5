"""The composed system: its state, and the registry of everything that can happen to it."""
