"""`sevspec verify-report`: judge an attestation report, and say which check decides."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from impl.attestation.reference import Reference
from sevspec.attesting.inputs import bundle_in, nonce_of, report_in, time_of
from sevspec.attesting.policy_file import reference_in
from sevspec.attesting.told import SCHEMA, document, field_table, sentence, table
from sevspec.attesting.twins import Disagreement, judge
from sevspec.refused import Refused
from sevspec.terminal import console, grid, print_json
from spec.vocabulary import Verdict

HELP = """Verify an attestation report of an SEV-SNP guest: its form, who signed it, and whether it says what is asked.

The checks are made in order, by the machine on bytes and by the specification on what the bytes mean; the first that
fails decides. AMD's root keys are known; the certificates are not fetched. Without a policy any guest is accepted that
nobody may debug or migrate.

Exit code 0 if the report is accepted, 1 if it is refused, 2 if there is no report or no policy to read.

Examples:

    sevspec verify-report report.bin --certs vcek.der --certs cert_chain.pem --nonce 0102030405060708

    sevspec verify-report report.bin --certs certs/ --policy policy.json --json
"""
CERTS = "A certificate or revocation list, PEM or DER, or a folder of them."


def verify_report(
    report: Annotated[Path, typer.Argument(help="A report of 1184 bytes, as firmware wrote it.")],
    certs: Annotated[list[Path], typer.Option(default_factory=list, help=CERTS)],
    nonce: Annotated[str, typer.Option(metavar="HEX", help="What REPORT_DATA must be; zeros may follow.")] = "",
    policy: Annotated[Path | None, typer.Option(help="Reference values, docs/schemas/policy.json.")] = None,
    at: Annotated[str, typer.Option(metavar="TIME", help="Judge as of this time (ISO 8601); default now.")] = "",
    fields: Annotated[bool, typer.Option("--fields", help="Print every field of the report, too.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    time, read, bundle = time_of(at), report_in(report), bundle_in(certs)
    reference = Reference() if policy is None else reference_in(policy)
    if nonce:
        if reference.report_data is not None:
            raise Refused("--nonce: the policy has report_data already; give one of them")
        reference = replace(reference, report_data=nonce_of(nonce))
    try:
        agreed = judge(read, bundle, reference, time)
    except Disagreement as failure:
        if json:
            print_json({"schema": SCHEMA, "verdict": None, "failed": str(failure)})
        else:
            console().print(f"FAILED  {failure}", markup=False)
        return 1
    if json:
        print_json(document(agreed, read.fields))
    else:
        tables = (field_table(read.fields), table(agreed)) if fields else (table(agreed),)
        for each in tables:
            console().print(grid(each))
        console().print(sentence(report, agreed), markup=False, soft_wrap=True)
    return 0 if agreed.judgement.verdict is Verdict.ACCEPTED else 1


verify_report.__doc__ = HELP
