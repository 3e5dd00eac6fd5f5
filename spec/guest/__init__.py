"""A careful guest: the rules that its software must keep, as steps that keep them, and what follows."""
