"""What the machine reads of a report, its certificates and a policy, as the records of the specification."""

from collections.abc import Iterable
from datetime import datetime

from impl.attestation.certificates import Extensions
from impl.attestation.chain import Chain, fingerprint, is_signed_by
from impl.attestation.reference import Reference as GivenReference
from impl.attestation.report import SignedReport
from impl.attestation.signing import is_signed
from spec.attestation.endorsement import Endorsement
from spec.attestation.judging import Presented
from spec.attestation.reference import Floors, Reference
from spec.attestation.report import Report
from spec.attestation.tcb import TcbVersion
from spec.maps import Map
from spec.vocabulary import Product, SigningKey

NO_PRODUCT = 3
"""A number that is no product."""
SERVICE_BYTES = 64
NOBODY = Extensions(Product.MILAN, {}, bytes(64), "")
"""In place of extensions that cannot be read; the check before says so."""


def number(content: bytes) -> int:
    """A byte string as the specification has it."""
    return int.from_bytes(content, "little")


def version(*parts: int) -> int:
    """Major, minor and build."""
    return int.from_bytes(bytes(parts), "big")


def report_of(read: SignedReport) -> Report:
    """The report."""
    r = read.fields
    return Report(
        version=r.version,
        guest_svn=r.guest_svn,
        policy=r.policy,
        family_id=number(r.family_id),
        image_id=number(r.image_id),
        vmpl=r.vmpl,
        signature_algorithm=r.signature_algo,
        current_tcb=r.current_tcb,
        platform_info=r.platform_info,
        author_key_enabled=bool(r.author_key_en),
        chip_key_masked=bool(r.mask_chip_key),
        signing_key=r.signing_key,
        report_data=number(r.report_data),
        measurement=number(r.measurement),
        host_data=number(r.host_data),
        id_key_digest=number(r.id_key_digest),
        author_key_digest=number(r.author_key_digest),
        report_id=number(r.report_id),
        report_id_ma=number(r.report_id_ma),
        reported_tcb=r.reported_tcb,
        cpuid_family=r.cpuid_fam_id,
        cpuid_model=r.cpuid_mod_id,
        cpuid_stepping=r.cpuid_step,
        chip_id=number(r.chip_id),
        committed_tcb=r.committed_tcb,
        current_version=version(r.current_major, r.current_minor, r.current_build),
        committed_version=version(r.committed_major, r.committed_minor, r.committed_build),
        launch_tcb=r.launch_tcb,
        launch_mitigations=r.launch_mit_vector,
        current_mitigations=r.current_mit_vector,
        reserved=r.reserved_set,
    )


def endorsement_of(chain: Chain | None, reference: GivenReference, at: datetime) -> Endorsement:
    """The certificates, each of whose signatures was looked at."""
    if chain is None:
        return without_chain()
    found = chain.list_at(at)
    said = chain.extensions or NOBODY
    serial = chain.intermediate.serial_number
    return Endorsement(
        complete=True,
        root_trusted=fingerprint(chain.root) in reference.roots,
        root_signed=is_signed_by(chain.root, chain.root),
        intermediate_signed=is_signed_by(chain.intermediate, chain.root),
        leaf_signed=is_signed_by(chain.leaf, chain.intermediate),
        constraints_hold=chain.constraints_hold,
        in_force=chain.is_in_force(at),
        list_in_force=found is not None,
        revoked=found is not None and found.get_revoked_certificate_by_serial_number(serial) is not None,
        key_known=chain.leaf_key is not None,
        extensions_known=chain.extensions is not None,
        is_vlek=chain.kind == SigningKey.VLEK,
        product=said.product,
        root_product=NO_PRODUCT if chain.root_product is None else chain.root_product,
        tcb=TcbVersion(*(said.tcb.get(svn, 0) for svn in ("fmc", "boot_loader", "tee", "snp", "microcode"))),
        hw_id=number(said.hw_id),
        service=service(said.csp_id),
    )


def without_chain() -> Endorsement:
    """No certificate of the key, or of an issuer."""
    nothing = dict.fromkeys(
        "complete root_trusted root_signed intermediate_signed leaf_signed constraints_hold in_force list_in_force "
        "revoked key_known extensions_known is_vlek".split(),
        False,
    )
    return Endorsement(
        **nothing, product=NO_PRODUCT, root_product=NO_PRODUCT, tcb=TcbVersion(0, 0, 0, 0, 0), hw_id=0, service=0
    )


def service(name: str) -> int:
    """A service's name as a number."""
    return number(name.encode()[:SERVICE_BYTES])


def presented(read: SignedReport, chain: Chain | None, reference: GivenReference, at: datetime) -> Presented:
    """Everything that the relying party has before it."""
    key = None if chain is None else chain.leaf_key
    return Presented(
        report=report_of(read),
        unsigned_clear=not read.signature.reserved_set,
        signature_holds=key is not None and is_signed(read.signed, read.signature, key),
        endorsement=endorsement_of(chain, reference, at),
    )


def table(listed: Iterable[int]) -> Map[int, bool]:
    """A list as a total table."""
    found: Map[int, bool] = Map(False)
    for item in listed:
        found = found.set(item, True)
    return found


def reference_of(given: GivenReference) -> Reference:
    """The reference values."""
    return Reference(
        milan_accepted=Product.MILAN in given.products,
        genoa_accepted=Product.GENOA in given.products,
        turin_accepted=Product.TURIN in given.products,
        vlek_accepted=given.vlek_accepted,
        list_required=given.list_required,
        any_chip=given.chips is None,
        chips=table(map(number, given.chips or ())),
        masked_chip_accepted=given.masked_chip_accepted,
        any_service=given.services is None,
        services=table(map(service, given.services or ())),
        floors=Floors(*(given.tcb_floors.get(product, 0) for product in Product)),
        version_floor=version(*given.firmware_floor),
        required_mitigations=given.mitigations,
        required_platform=given.platform_required,
        forbidden_platform=given.platform_forbidden,
        required_policy=given.policy_required,
        forbidden_policy=given.policy_forbidden,
        policy_abi_floor=given.policy_abi_floor[0] << 8 | given.policy_abi_floor[1],
        agent_accepted=given.agent_accepted,
        any_measurement=given.measurements is None,
        measurements=table(map(number, given.measurements or ())),
        any_id_key=given.id_keys is None,
        id_keys=table(map(number, given.id_keys or ())),
        any_author_key=given.author_keys is None,
        author_keys=table(map(number, given.author_keys or ())),
        any_host_data=given.host_data is None,
        host_data=number(given.host_data or b""),
        any_family_id=given.family_id is None,
        family_id=number(given.family_id or b""),
        any_image_id=given.image_id is None,
        image_id=number(given.image_id or b""),
        svn_floor=given.guest_svn,
        any_vmpl=given.vmpl is None,
        vmpl=given.vmpl or 0,
        any_report_data=given.report_data is None,
        report_data=number(given.report_data or b""),
    )
