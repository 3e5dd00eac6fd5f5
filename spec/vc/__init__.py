"""#VC: how an SEV-ES guest carries out an instruction that its hypervisor intercepts (APM Vol. 2, 15.35)."""
