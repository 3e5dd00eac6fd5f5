"""The hypervisor carries a guest's messages to firmware: SNP guest requests (GHCB 56421), plain and extended."""

from dataclasses import dataclass

from impl.attestation.guest_channel import Carried, VmmError
from impl.firmware.buffers import GuestRequestBuffer
from impl.firmware.command_ids import CommandId
from impl.firmware.processor import SecurityProcessor
from impl.memory.engine import PAGE_BYTES
from spec.vocabulary import Status


@dataclass(frozen=True)
class Carrier:
    """Where the messages of one guest lie; addresses are SPAs. The response page was donated to firmware."""

    processor: SecurityProcessor
    gctx: int
    command: int
    request: int
    response: int
    certificates: bytes = b""
    """The certificate table that the host has for its guests."""

    def carry(self, message: bytes, pages: int) -> Carried:
        """One request. Firmware sees the message only if the certificates fit into the guest's pages."""
        needed = -(-len(self.certificates) // PAGE_BYTES)
        if 0 < pages < needed:
            return Carried(VmmError.INVALID_LENGTH, 0, b"", pages_needed=needed)
        memory = self.processor.firmware.machine.memory
        memory.write_raw(self.request, message)
        buffer = GuestRequestBuffer(gctx_paddr=self.gctx, request_paddr=self.request, response_paddr=self.response)
        memory.write_raw(self.command, buffer.pack())
        status = self.processor.command(CommandId.GUEST_REQUEST, self.command)
        if not isinstance(status, Status):
            raise NotImplementedError(f"the machine's firmware has no such message: {status.value}")
        table = self.certificates if pages else b""
        return Carried(VmmError.NONE, status.value, memory.read_raw(self.response, PAGE_BYTES), table)
