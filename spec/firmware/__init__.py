"""SNP firmware on the security processor: platform, guests, and the commands that change page states (ABI 56860)."""
