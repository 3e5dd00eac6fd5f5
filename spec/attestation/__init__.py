"""Attestation: reports, who vouches for them, what a relying party asks of them, and the messages that bring them."""
