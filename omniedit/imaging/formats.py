"""Which image formats are read, and what a directory entry that is no file is called."""

SUPPORTED = "jpeg png webp tiff"
NO_FILE = "a pipe, socket or device, no file"
