"""The reverse map table: entries, page states, the instructions on them, and the access checks."""
