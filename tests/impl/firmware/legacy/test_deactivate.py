"""DEACTIVATE and DECOMMISSION: an ASID is usable again once caches are flushed, and no key stays behind."""

from dataclasses import replace

import pytest

from impl.firmware.asids import CcxState
from impl.firmware.legacy.buffers import LegacyActivateBuffer, LegacyHandleBuffer
from impl.firmware.legacy.command_ids import LegacyCommandId
from impl.protections import Protections
from spec.vocabulary import Status
from tests.impl.firmware.legacy.host import SEV_ASID, WITHOUT_SNP, LegacyHost

DEACTIVATE, DECOMMISSION = LegacyCommandId.DEACTIVATE, LegacyCommandId.DECOMMISSION


def running(host: LegacyHost) -> int:
    """A guest that ran: its ASID is in use everywhere."""
    handle = host.start()
    host.activate(handle, SEV_ASID)
    host.firmware.asids.put(SEV_ASID, host.firmware.legacy_guests[handle].ccxs, CcxState.IN_USE)
    return handle


@pytest.mark.parametrize("command", [DEACTIVATE, DECOMMISSION])
def test_asid_of_a_guest_that_ran_is_dirty_and_has_no_key(command):
    host = LegacyHost().initialise(es=False)
    handle = running(host)
    host.ok(command, LegacyHandleBuffer(handle=handle))
    assert not host.machine.engine.has_key(SEV_ASID)
    assert set(host.firmware.asids.states_of(SEV_ASID)) == {CcxState.DIRTY}
    assert (handle in host.firmware.legacy_guests) == (command is DEACTIVATE)
    other = host.start()
    buffer = LegacyActivateBuffer(handle=other, asid=SEV_ASID)
    host.refused(Status.DF_FLUSH_REQUIRED, "asid-flushed", LegacyCommandId.ACTIVATE, buffer)
    host.processor.wbinvd()
    host.ok(LegacyCommandId.DF_FLUSH)
    host.activate(other, SEV_ASID)


def test_asid_of_a_guest_that_never_ran_stays_clean():
    host = LegacyHost().initialise(es=False)
    handle = host.start()
    host.activate(handle, SEV_ASID)
    host.ok(DEACTIVATE, LegacyHandleBuffer(handle=handle))
    host.activate(host.start(), SEV_ASID)


def test_without_r25_a_dirty_asid_is_given_away():
    host = LegacyHost(replace(WITHOUT_SNP, protections=Protections(asid_exclusive=False))).initialise(es=False)
    host.ok(DEACTIVATE, LegacyHandleBuffer(handle=running(host)))
    host.activate(host.start(), SEV_ASID)


def test_guest_is_deactivated_once():
    host = LegacyHost().initialise(es=False)
    handle = running(host)
    host.ok(DEACTIVATE, LegacyHandleBuffer(handle=handle))
    host.refused(Status.INACTIVE, "active", DEACTIVATE, LegacyHandleBuffer(handle=handle))
    host.ok(DECOMMISSION, LegacyHandleBuffer(handle=handle))


@pytest.mark.parametrize("command", [DEACTIVATE, DECOMMISSION])
def test_unknown_handle_is_refused(command):
    host = LegacyHost().initialise(es=False)
    running(host)
    host.refused(Status.INVALID_GUEST, "handle", command, LegacyHandleBuffer(handle=9))


@pytest.mark.parametrize("command", [DEACTIVATE, DECOMMISSION])
def test_platform_without_guests_refuses(command):
    host = LegacyHost().initialise(es=False)
    host.refused(Status.INVALID_PLATFORM_STATE, "platform-state", command, LegacyHandleBuffer(handle=1))
