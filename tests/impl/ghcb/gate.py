"""A gate whose other side is a function: what the guest stored, loaded and asked, access by access."""

from collections.abc import Callable

from spec.ghcb.vocabulary.page import GHCB_SIZE, PROTOCOL_VERSION_OFFSET, VALID_BITMAP_OFFSET, GhcbField

GPA, LINEAR = 0x30_0000, 0x7000
Answer = Callable[["Gate"], None]


class Gate:
    """Shared memory of one page, the GHCB MSR, and what `answer` does at each VMGEXIT."""

    def __init__(self, answer: Answer = lambda _: None) -> None:
        self.page = bytearray(GHCB_SIZE)
        self.msr = 0
        self.answer = answer
        self.loads: list[tuple[int, int]] = []
        self.stores: list[tuple[int, int, int]] = []
        self.exits: list[tuple[int, bytes]] = []
        """The MSR and the page at each VMGEXIT."""
        self.validated: list[tuple[int, bool]] = []
        self.pvalidate_answer = 0, False

    def load(self, linear: int, size: int) -> int:
        start = linear - LINEAR
        self.loads.append((start, size))
        return int.from_bytes(self.page[start : start + size], "little")

    def store(self, linear: int, size: int, value: int) -> None:
        start = linear - LINEAR
        self.stores.append((start, size, value))
        self.page[start : start + size] = value.to_bytes(size, "little")

    def clear(self, linear: int) -> None:
        assert linear == LINEAR
        self.page[:] = bytes(GHCB_SIZE)

    def read_msr(self) -> int:
        return self.msr

    def write_msr(self, value: int) -> None:
        self.msr = value

    def vmgexit(self) -> None:
        self.exits.append((self.msr, bytes(self.page)))
        self.loads.clear()
        self.answer(self)

    def pvalidate(self, linear: int, *, validate: bool) -> tuple[int, bool]:
        self.validated.append((linear, validate))
        return self.pvalidate_answer

    # --- what a hypervisor does ---

    def put(self, field: int, value: int, size: int = 8) -> None:
        """Write into the page."""
        self.page[field : field + size] = value.to_bytes(size, "little")

    def reply(self, answer: int = 0, info2: int = 0, **outputs: int) -> None:
        """Fields by name, all of them valid."""
        fields = {"SW_EXITINFO1": answer, "SW_EXITINFO2": info2, **outputs}
        bits = 0
        for name, value in fields.items():
            self.put(GhcbField[name], value)
            bits |= 1 << GhcbField[name] // 8
        self.put(VALID_BITMAP_OFFSET, bits, 16)

    # --- what the page was ---

    def sent(self) -> dict[str, int]:
        """The fields that were valid at the last exit."""
        page = self.exits[-1][1]
        bits = int.from_bytes(page[VALID_BITMAP_OFFSET : VALID_BITMAP_OFFSET + 16], "little")
        valid = [field for field in GhcbField if bits >> field // 8 & 1]
        assert bits == sum({1 << field // 8 for field in valid})
        sizes = {field: 1 if field is GhcbField.CPL else 8 for field in valid}
        return {field.name: int.from_bytes(page[field : field + sizes[field]], "little") for field in valid}

    def version(self) -> int:
        """PROTOCOL_VERSION at the last exit."""
        return int.from_bytes(self.exits[-1][1][PROTOCOL_VERSION_OFFSET:][:2], "little")
