"""Encrypted memory, cached translations, guest registers: a layer over the machine and the guest that is followed."""
