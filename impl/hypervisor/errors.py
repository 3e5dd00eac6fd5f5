"""What a launch plan refuses. Each message is one line that names what is wrong and where."""


class ImageError(ValueError):
    """An input file (firmware, SVSM, kernel, initrd, variable store) that cannot be launched."""


class OptionError(ValueError):
    """A request that no launch can honour, whatever the image."""
