"""What `make bench` measures does what it says; how fast is not tested."""

from importlib.util import find_spec
from typing import Any

import pytest

from impl.memory.encryption_mode import XTS_128, TweakForm
from impl.memory.engine import EncryptionEngine
from sevspec.bench import __main__ as command
from sevspec.bench import decoding, encrypting, launching, rates, running
from sevspec.bench.launching import Times, launch_times
from sevspec.bench.proving import Proving


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "ROUNDS", 64)
    monkeypatch.setattr(rates, "REPEATS", 1)
    monkeypatch.setattr(launching, "REPEATS", 1)
    monkeypatch.setattr(encrypting, "ROUNDS", 64)
    monkeypatch.setattr(encrypting, "REPEATS", 1)
    monkeypatch.setattr(decoding, "REPEATS", 1)
    monkeypatch.setattr(running, "ROUNDS", 50)
    monkeypatch.setattr(running, "EXITS", 5)


def test_rates_are_of_the_three_instructions() -> None:
    found = rates.rates()
    assert [rate.name for rate in found] == ["RMPUPDATE", "PVALIDATE", "RMPADJUST"]
    assert all(rate.per_second > 0 and rate.as_written > 0 for rate in found)


def test_encrypting_is_measured_in_every_form_of_tweak() -> None:
    found = encrypting.encrypting()
    assert {ratio.mode.tweak for ratio in found.ratios} == set(TweakForm)
    assert all(min(found.direct, ratio.page, ratio.new_page, ratio.span) > 0 for ratio in found.ratios)


def test_direct_call_that_is_compared_with_is_the_same_cipher() -> None:
    engine, direct = EncryptionEngine(), encrypting.Direct(XTS_128)
    engine.install_key(1, direct.key)
    content = bytes(range(256)) * 32
    assert b"".join(direct.pages(0x5000, content)) == engine.encrypt(1, 0x5000, content)


SOME = [(bytes.fromhex(text), 64) for text in ("488b4308", "0fa2", "66ed", "c3", "48c70301000000")]


def test_decoding_is_compared_with_two_others() -> None:
    found = decoding.decode_rates(SOME)
    assert [rate.name for rate in found] == ["sevspec", "Capstone, detail on", "iced-x86"]
    rates_seen = [rate.per_second for rate in found if rate.per_second is not None]
    assert len(rates_seen) == (3 if find_spec("iced_x86") else 2)
    assert all(rate > 0 for rate in rates_seen)


def test_decoders_that_are_not_installed_have_no_rate(monkeypatch: Any) -> None:
    monkeypatch.setattr(decoding, "find_spec", lambda _: None)
    assert [rate.per_second for rate in decoding.decode_rates(SOME)[1:]] == [None, None]


def test_bench_prints_rates_of_decoding(monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.setattr(command, "encodings", lambda: SOME)
    command.say_decoding()
    out = capsys.readouterr().out
    assert "decoding 5 instructions" in out
    assert out.count("times as many here") + out.count("not installed") == 2
    monkeypatch.setattr(command, "encodings", lambda: None)
    command.say_decoding()
    assert "SEVSPEC_DATA is not set" in capsys.readouterr().out


def test_guest_code_runs_under_every_generation() -> None:
    found = running.running_rates()
    assert found is not None
    assert [rate.generation.value for rate in found] == ["SEV", "SEV-ES", "SNP"]
    assert all(rate.instructions > 0 and rate.exits > 0 for rate in found)


def test_bench_says_that_unicorn_is_not_here(monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.setattr(running, "find_spec", lambda _: None)
    command.say_running()
    assert "Unicorn is not installed" in capsys.readouterr().out


def test_launch_alone_has_the_measurement_of_both() -> None:
    times = launch_times()
    assert times is not None
    assert times.pages == 544


@pytest.mark.parametrize("times", [Times(544, 0.5, 1.0), None])
def test_bench_prints_the_machine_and_every_number(times: Times | None, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.setattr(command, "launch_times", lambda: times)
    monkeypatch.setattr(command, "prove_cold", lambda: Proving(100, 99, 10.0, 5.0, 204_800))
    command.main()
    out = capsys.readouterr().out
    assert "logical processors, Python 3." in out
    assert "ADDRESS_BOUND 128: a page, 64 pages, a page not seen lately" in out
    assert "guest code under SEV-ES, every instruction looked at" in out
    assert "100 (99 proved)" in out
    assert "100.0 ms" in out
    assert "200 MiB" in out
    assert ("2.0 times the machine alone" if times else "not here") in out
