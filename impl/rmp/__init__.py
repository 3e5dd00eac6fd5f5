"""The reverse map table and the instructions and accesses that it governs, one instruction a file."""
