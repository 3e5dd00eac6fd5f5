"""Rates and times, printed with the machine that they were seen on: `make bench`, `python -m sevspec.bench`."""
