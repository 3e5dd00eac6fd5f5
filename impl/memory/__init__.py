"""Memory: the encryption engine, physical memory as DRAM holds it, and page tables."""
