"""Events that reach a guest: what VMRUN may inject, the #HV doorbell, the guest's handler, alternate injection."""
