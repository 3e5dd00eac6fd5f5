"""Attestation reports as bytes: made and signed by the machine's firmware, and verified by a relying party."""
