"""Media in, plain arrays out: `decode` reads any file within `Limits`, or raises one clear `SignalError`."""

from trenza.signals.decoding import decode
from trenza.signals.limits import Limits
from trenza.signals.media import SAMPLE_RATE, Audio, Image, Signal, Video
from trenza.signals.normalise import square

__all__ = ["SAMPLE_RATE", "Audio", "Image", "Limits", "Signal", "Video", "decode", "square"]
