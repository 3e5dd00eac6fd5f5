"""`sevspec run`, and the programs of examples/guests/."""

import json
import platform
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from impl.hypervisor.flat_run import FlatRun
from impl.hypervisor.generation import Generation
from sevspec.cli import main
from sevspec.guest_run import program_of, run_guest
from sevspec.source import ROOT

GUESTS = ROOT / "examples" / "guests"
SOURCES = sorted(GUESTS.glob("*.s"))
HELLO = str(GUESTS / "hello")
SECRET = 0x5EC2E75EC2E7
ENCRYPTED = ("SEV-ES", "SNP")
GENERATIONS = ("SEV", *ENCRYPTED)
LIMIT = 100_000


@pytest.mark.parametrize("generation", GENERATIONS)
def test_hello_prints_under_every_generation(generation, capsys):
    assert main(["run", HELLO, "--generation", generation]) == 0
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert first == "hello from an encrypted guest"
    assert second == f"{generation}: HLT, after 367 instructions"


@pytest.mark.parametrize("generation", GENERATIONS)
def test_registers_prints_the_same_under_every_generation(generation):
    ran = run_guest(program_of(GUESTS / "registers"), Generation(generation), LIMIT)
    vendor = [0x68747541, 0x69746E65, 0x444D4163]
    assert [int(line, 16) for line in ran.sent.split()] == [*vendor, 1, 0x7010600070406, 0x3E8003E8, 1]


@pytest.mark.parametrize("generation", ENCRYPTED)
@pytest.mark.parametrize(("name", "sent"), [("timer", b"3 steps of the timer\n"), ("block", b"004081BFFF3F69B2\n")])
def test_programs_with_strings_run_as_guests_with_vc(generation, name, sent):
    ran = run_guest(program_of(GUESTS / name), Generation(generation), LIMIT)
    assert (ran.ended.why, ran.sent, ran.stray) == ("HLT", sent, 0)


@pytest.mark.parametrize(("name", "what"), [("timer", "INS and OUTS"), ("block", "movsq")])
def test_strings_are_beyond_the_hypervisor_of_an_sev_guest(name, what, capsys):
    assert main(["run", str(GUESTS / name), "--generation", "SEV"]) == 1
    assert f"the hypervisor cannot emulate the instruction: {what}" in capsys.readouterr().out


def test_the_trace_of_an_sev_es_guest_has_valid_fields_and_nothing_else(capsys):
    assert main(["run", HELLO, "--generation", "SEV-ES", "--json"]) == 0
    exits = json.loads(capsys.readouterr().out)["exits"]
    first, *middle, last = exits
    assert (first["event"], first["exposed"]) == ("MSR SEV_INFO_REQUEST", {"GHCB_MSR": "0x2"})
    assert (last["exit"], last["exposed"], last["exposed_data"]) == ("HLT", {}, "")
    control = {"SW_EXITCODE", "SW_EXITINFO1", "SW_EXITINFO2"}
    for one in middle:
        out = not int(one["exposed"]["SW_EXITINFO1"], 16) & 1
        assert one["exposed"].keys() == (control | {"RAX"} if out else control)
        assert (one["stray_bytes"], one["exposed_data"]) == (0, "")
    sent = bytes(int(one["exposed"]["RAX"], 16) for one in middle if "RAX" in one["exposed"])
    assert sent == b"hello from an encrypted guest\n"


def test_the_trace_of_an_sev_guest_has_every_register(capsys):
    assert main(["run", HELLO, "--generation", "SEV", "--json"]) == 0
    exits = json.loads(capsys.readouterr().out)["exits"][:-1]
    assert all(int(one["exposed"]["rbx"], 16) == SECRET for one in exits)


class Searching:
    """A hypervisor that looks for a register's value in all memory, as DRAM holds it, and in the processor."""

    def __init__(self, run: FlatRun) -> None:
        self.run = run
        self.found = 0

    def meanwhile(self) -> None:
        self.search([])

    def exited(self, vmcb: int, registers: list[int]) -> None:
        self.search(registers)
        self.run.hypervisor.exited(vmcb, registers)

    def search(self, registers: list[int]) -> None:
        wanted = SECRET.to_bytes(6, "little")
        memory = self.run.machine.memory.snapshot().values()
        self.found += SECRET in registers or any(wanted in page for page in memory)


@pytest.mark.parametrize(("generation", "found"), [(Generation.SEV, 61), (Generation.SEV_ES, 0), (Generation.SNP, 0)])
def test_a_register_is_in_no_memory_that_the_hypervisor_can_read(generation, found):
    run = FlatRun(generation, program_of(GUESTS / "hello"))
    searching = Searching(run)
    assert run.run(searching).why == "HLT"
    assert searching.found == found


def test_the_trace_prints_a_line_for_each_exit(capsys):
    assert main(["run", HELLO, "--generation", "SEV-ES", "--trace"]) == 0
    lines = capsys.readouterr().out.splitlines()
    outs = [line for line in lines if re.search(r"VMGEXIT +IOIO +RAX=0x[0-9a-f]{1,2} SW_EXITCODE=0x7b", line)]
    assert len(outs) == 30


def test_a_guest_that_runs_on_and_on_is_stopped(tmp_path, capsys):
    loop = tmp_path / "loop"
    loop.write_bytes(b"\xeb\xfe")
    assert main(["run", str(loop), "--limit", "1000"]) == 1
    assert "the guest has run as many instructions as it may, after 1000 instructions" in capsys.readouterr().out


def test_a_guest_that_faults_ends_with_the_exception(tmp_path, capsys):
    program = tmp_path / "ud2"
    program.write_bytes(b"\x90\x0f\x0b")
    assert main(["run", str(program)]) == 1
    assert "SHUTDOWN" in (said := capsys.readouterr().out)
    assert "(#UD at 0x100001)" in said


@pytest.mark.parametrize(
    ("content", "says"), [(None, "No such file"), (b"zz", "not bytes in hexadecimal"), (b"90" * 300_000, "too large")]
)
def test_run_refuses_what_is_no_program(tmp_path, content, says, capsys):
    path = tmp_path / "program.hex"
    if content is not None:
        path.write_bytes(content)
    assert main(["run", str(path)]) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_the_bytes_of_a_program_are_those_of_its_source(source: Path, tmp_path):
    committed = program_of(source.with_suffix(".hex"))
    assembler, copier = shutil.which("as"), shutil.which("objcopy")
    if not (assembler and copier and platform.machine() == "x86_64"):
        assert committed, "no assembler for x86-64 is installed, so only the bytes are here"
        return
    made, flat = tmp_path / "x.o", tmp_path / "x.bin"
    subprocess.run([assembler, "--64", "-o", made, source], check=True)
    subprocess.run([copier, "-O", "binary", "-j", ".text", made, flat], check=True)
    assert flat.read_bytes() == committed


def test_every_example_is_in_the_list():
    listed = re.findall(r"^\| `(\w+)` \|", (GUESTS / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(listed) == [source.stem for source in SOURCES]
