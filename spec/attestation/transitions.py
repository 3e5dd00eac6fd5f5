"""Every step of attestation."""

from spec.attestation.asking import adversary_asks_for_report, guest_asks_for_report
from spec.attestation.relying_party import relying_party_challenges, relying_party_judges
from spec.attestation.reporting import adversary_signs_report, firmware_reports, host_asks_for_report

TRANSITIONS = (
    relying_party_challenges,
    guest_asks_for_report,
    adversary_asks_for_report,
    firmware_reports,
    host_asks_for_report,
    adversary_signs_report,
    relying_party_judges,
)
