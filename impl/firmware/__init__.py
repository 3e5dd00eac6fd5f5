"""The SNP firmware of the concrete machine: commands on real buffers in memory (firmware ABI 56860).

`impl.firmware.processor` is the place to start. Every command has a file of its own, named as AMD names the command,
with its checks in the firmware's order. What the security processor keeps to itself stands in `state`.
"""
