"""The verbs of `sevspec`, one module each; its function of the same name is the command."""
