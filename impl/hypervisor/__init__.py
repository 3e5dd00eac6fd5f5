"""The VMM side of an SNP launch: from a firmware image and options to the pages handed to SNP_LAUNCH_UPDATE."""
