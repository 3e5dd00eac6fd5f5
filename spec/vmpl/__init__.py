"""Virtual machine privilege levels: permission masks, and what a VMSA may say."""
