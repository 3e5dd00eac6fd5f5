"""The nouns of the GHCB protocol: codes, offsets, bits. No rule stands here, so `impl/` may import these too."""
