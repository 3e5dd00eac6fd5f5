"""Command identifiers of the SNP firmware mailbox (firmware ABI 56860, "Command Identifiers")."""

from enum import IntEnum, unique


@unique
class CommandId(IntEnum):
    """AMD's names without the SNP_ prefix."""

    INIT = 0x81
    SHUTDOWN = 0x82
    PLATFORM_STATUS = 0x83
    DF_FLUSH = 0x84
    INIT_EX = 0x85
    SHUTDOWN_EX = 0x86
    DECOMMISSION = 0x90
    ACTIVATE = 0x91
    GUEST_STATUS = 0x92
    GCTX_CREATE = 0x93
    GUEST_REQUEST = 0x94
    ACTIVATE_EX = 0x95
    LAUNCH_START = 0xA0
    LAUNCH_UPDATE = 0xA1
    LAUNCH_FINISH = 0xA2
    DBG_DECRYPT = 0xB0
    DBG_ENCRYPT = 0xB1
    PAGE_SWAP_OUT = 0xC0
    PAGE_SWAP_IN = 0xC1
    PAGE_MOVE = 0xC2
    PAGE_MD_INIT = 0xC3
    PAGE_SET_STATE = 0xC6
    PAGE_RECLAIM = 0xC7
    PAGE_UNSMASH = 0xC8
    CONFIG = 0xC9
    DOWNLOAD_FIRMWARE_EX = 0xCA
    COMMIT = 0xCB
    VLEK_LOAD = 0xCD
    FEATURE_INFO = 0xCE
