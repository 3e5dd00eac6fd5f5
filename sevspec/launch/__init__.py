"""A launch plan, performed step by step by the specification and by the machine, which must agree at every step.

`sevspec.launch.drive.launch(plan)` is the way in; `sevspec.launch.request` makes a plan from what a user asks for.
"""
