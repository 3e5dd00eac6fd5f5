"""The steps of SNP firmware, in the order of a guest's life (firmware ABI 56860)."""

from spec.firmware.activate import activate
from spec.firmware.activate_ex import activate_ex
from spec.firmware.config import snp_config, vlek_load
from spec.firmware.dbg import dbg_decrypt, dbg_encrypt
from spec.firmware.decommission import decommission
from spec.firmware.df_flush import df_flush, wbinvd
from spec.firmware.firmware_update import download_firmware_ex, snp_commit
from spec.firmware.gctx_create import gctx_create
from spec.firmware.guest_absorb_noma import guest_request_absorb_noma
from spec.firmware.guest_export import guest_request_export
from spec.firmware.guest_import import guest_request_absorb, guest_request_import
from spec.firmware.guest_request import guest_request
from spec.firmware.guest_status import guest_status
from spec.firmware.guest_vmrk import guest_request_vmrk
from spec.firmware.init import snp_init, snp_init_ex
from spec.firmware.launch_finish import launch_finish
from spec.firmware.launch_start import launch_start
from spec.firmware.launch_update import launch_update
from spec.firmware.legacy_writeback import legacy_writeback
from spec.firmware.page_md_init import page_md_init
from spec.firmware.page_move import page_move
from spec.firmware.page_reclaim import page_reclaim
from spec.firmware.page_set_state import page_set_state
from spec.firmware.page_set_state_walk import page_set_state_walk
from spec.firmware.page_swap_in import page_swap_in
from spec.firmware.page_swap_out import page_swap_out
from spec.firmware.page_unsmash import page_unsmash
from spec.firmware.platform_status import feature_info, platform_status
from spec.firmware.shutdown import iommu_page_release, snp_shutdown, snp_shutdown_ex

TRANSITIONS = (
    snp_init,
    snp_init_ex,
    snp_shutdown,
    snp_shutdown_ex,
    iommu_page_release,
    wbinvd,
    df_flush,
    gctx_create,
    launch_start,
    activate,
    activate_ex,
    launch_update,
    launch_finish,
    decommission,
    page_set_state,
    page_set_state_walk,
    page_reclaim,
    page_unsmash,
    page_move,
    page_md_init,
    page_swap_out,
    page_swap_in,
    dbg_decrypt,
    dbg_encrypt,
    snp_config,
    vlek_load,
    download_firmware_ex,
    snp_commit,
    guest_request_absorb_noma,
    guest_request_export,
    guest_request_import,
    guest_request_absorb,
    guest_request,
    guest_status,
    guest_request_vmrk,
    legacy_writeback,
    platform_status,
    feature_info,
)
