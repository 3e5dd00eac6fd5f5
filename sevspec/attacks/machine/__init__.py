"""Traces on the machine of bytes: real keys, real tables, real firmware commands, packed RMP entries in memory."""
