"""The formats data comes in, read into pairs and items; each module has `read` and `write` of one format."""

from trenza.data.files import Broken
from trenza.data.formats.detect import FORMATS, detect, placed, read

__all__ = ["FORMATS", "Broken", "detect", "placed", "read"]
