"""The VMM side of a launch: from a firmware image and options to what is handed to the firmware, in order."""
