"""The attack ladder: published attacks as traces, run on the specification and on the machine, for each generation."""
