"""Opening containers and drawing frames from their streams, through PyAV. Runs in the worker only."""

from collections.abc import Iterator
from typing import BinaryIO

import av

from trenza.errors import SignalError

# Decoders that may run. All else FFmpeg has (hundreds, many barely tested) stays shut to hostile files.
_CODECS = (
    "av1,h264,hevc,libdav1d,libvpx-vp9,mjpeg,mpeg4,prores,theora,vp8,vp9,"
    "aac,ac3,alac,eac3,flac,mp3,mp3float,opus,libopus,vorbis,"
    "pcm_alaw,pcm_f32be,pcm_f32le,pcm_f64be,pcm_f64le,pcm_mulaw,pcm_s16be,pcm_s16le,pcm_s24be,pcm_s24le,"
    "pcm_s32be,pcm_s32le,pcm_s8,pcm_u8"
)
_CLOSED = {
    "codec_whitelist": _CODECS,  # also holds while the container is probed
    "protocol_whitelist": "none",  # no container may name another file or address to open
}


def open_container(file: BinaryIO, name: str) -> av.container.InputContainer:
    """Open `file` as the FFmpeg format `name`, that one only. Raises SignalError when it isn't one."""
    try:
        return av.open(file, format=name, options=_CLOSED, metadata_errors="ignore")
    except av.error.MemoryError:
        raise
    except av.error.FFmpegError as error:
        raise SignalError(f"is damaged or cut off ({error.strerror}); get it or convert it again.") from error


def open_decoder(stream: av.stream.Stream):
    """Make ready the decoder of `stream`. Raises SignalError when its codec may not run here."""
    context = stream.codec_context
    if context is None or context.name not in _CODECS.split(","):
        name = "an unknown codec" if context is None else f"the codec {context.name}"
        way_out = "convert it to H.264 and AAC first"
        raise SignalError(f"has {stream.type} in {name}, which is not read here; {way_out}.")
    context.thread_count = 1  # each thread would take address space of its own


def frames(container: av.container.InputContainer, stream: av.stream.Stream) -> Iterator[av.frame.Frame]:
    """Decoded frames of `stream` from where the container stands, up to where the file ends or breaks off.

    Damaged packets are skipped, as players do.
    """
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
            decoded = packet.decode()
        except StopIteration:
            return
        except av.error.MemoryError:
            raise
        except av.error.FFmpegError:  # raised by demux it ends `packets`: the next turn returns
            continue
        yield from decoded
