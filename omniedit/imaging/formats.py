"""Image formats that are read, and the description of a directory entry that is not a file."""

SUPPORTED = "jpeg png webp tiff"
NO_FILE = "a pipe, socket or device, not a file"
