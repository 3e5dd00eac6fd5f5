"""A request that cannot be served: one line to the user, exit code 2."""


class Refused(Exception):
    """The request is wrong. The message is one line that says what to write instead."""
