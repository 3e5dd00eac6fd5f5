"""Checks that no case of the specification can reach on the machine, and why."""

ID_BLOCK = "an ID block has real signatures; those of the specification are ideal"

UNREACHED = (
    ("vmexit", "running", "the machine has no exit of a virtual processor that does not run"),
    ("page_set_state", "busy", "the machine answers a command before it returns"),
    *(
        ("launch_finish", check, ID_BLOCK)
        for check in (
            "finished-with-id",
            "id-address",
            "id-rmp-page",
            "launch-digest",
            "id-policy",
            "id-key-algorithm",
            "author-key-algorithm",
            "id-key",
            "id-block-signature",
            "author-key",
            "id-key-signature",
        )
    ),
    ("snp_shutdown_ex", "x86-unsupported", "the machine's firmware supports X86_SNP_SHUTDOWN"),
    ("page_move", "policy", "firmware that does not know PAGE_SWAP_DISABLE has refused the guest's launch"),
)
"""Transition, check, reason."""
