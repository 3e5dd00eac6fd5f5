"""Devices that a hypervisor emulates, by port and by guest-physical address."""
