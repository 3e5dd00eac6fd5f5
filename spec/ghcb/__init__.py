"""How an SEV-ES guest and its hypervisor speak to each other: the GHCB MSR and the GHCB page (GHCB, 56421)."""
