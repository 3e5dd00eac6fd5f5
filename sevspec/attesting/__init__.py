"""Verifying attestation reports: files in, the judgement of machine and specification out."""
