"""The VMPCKs in a guest's secrets page (firmware ABI 56860, "Secrets Page Format"), and who gets to see them."""

from dataclasses import replace

from impl.attestation.guest_channel import Channel
from impl.firmware.layout import parse
from impl.firmware.secrets_page import SecretsPage

_NO_KEY = bytes(32)


def page_for_level(page: bytes, vmpl: int) -> bytes:
    """A copy for software at a VMPL, without the keys of more privileged levels (rule D10)."""
    secrets = parse(SecretsPage, page)
    wiped = {f"vmpck{level}": _NO_KEY for level in range(vmpl)}
    return replace(secrets, **wiped).pack()  # type: ignore[arg-type]  # the names are those of keys


def channel_of(page: bytes, vmpck: int) -> Channel:
    """The channel of one key; a page has zeros in place of a key that was taken out."""
    secrets = parse(SecretsPage, page)
    key = (secrets.vmpck0, secrets.vmpck1, secrets.vmpck2, secrets.vmpck3)[vmpck]
    return Channel(vmpck, key if any(key) else None)
