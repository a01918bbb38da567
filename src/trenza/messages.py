"""Conversations in OpenAI's chat format: read with errors that name the place, written without loss.

Parts: `text`, `image_url`, `input_audio`, `video_url`. URLs are data URLs, or files where the caller allows
them; a server must not (`files=False`), or its users would read its disk. Nothing is fetched from the net.

One key is ours: a text part trusted less than its role carries `"trust"`, or it would rise when read back. It
can only lower.
"""

import base64
import binascii
import io
import struct
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import unquote, unquote_to_bytes, urlsplit

import numpy as np
from PIL import Image as Pillow

from trenza.conversation import TRUST_OF_ROLE, Conversation, Message, Origin, Part, Trust, medium, text
from trenza.errors import UsageError
from trenza.signals import SAMPLE_RATE, Audio, Image, Limits, Video, decode

# Type of part -> the kind of signal it must hold, and the key of its URL.
URL_PARTS = {"image_url": "image", "video_url": "video", "audio_url": "audio"}


def read_messages(document: Any, files: bool = False, limits: Limits = Limits()) -> Conversation:
    """A list of messages, or an object with `messages`. Raises UsageError, or SignalError for bad media."""
    messages = document.get("messages") if isinstance(document, dict) else document
    if not isinstance(messages, list) or not messages:
        raise UsageError("messages must be a list with at least one message")
    return Conversation(tuple(_message(m, f"messages[{i}]", files, limits) for i, m in enumerate(messages)))


def _message(message: Any, at: str, files: bool, limits: Limits) -> Message:
    role = _get(message, "role", str, at)
    content = message.get("content")
    if isinstance(content, str):
        return Message(role, (text(content),))  # type: ignore[arg-type]
    if not isinstance(content, list):
        raise UsageError(f"{at}.content must be a string or a list of parts")
    parts = tuple(_part(p, f"{at}.content[{i}]", files, limits) for i, p in enumerate(content))
    return Message(role, parts)  # type: ignore[arg-type]


def _get(container: Any, key: str, kind: type, at: str) -> Any:
    value = container.get(key) if isinstance(container, dict) else None
    if not isinstance(value, kind):
        raise UsageError(f"{at}.{key} must be {'an object' if kind is dict else 'a string'}")
    return value


def _part(part: Any, at: str, files: bool, limits: Limits) -> Part:
    kind = _get(part, "type", str, at)
    if kind == "text":
        return Part(_get(part, "text", str, at), Origin("text"), _trust(part, at))
    if kind == "input_audio":
        data = _get(_get(part, kind, dict, at), "data", str, f"{at}.{kind}")
        return medium(
            decode(_base64(data, f"{at}.{kind}.data", limits), name=at, kind="audio", limits=limits), at, "upload"
        )
    if kind in URL_PARTS:
        url = _get(_get(part, kind, dict, at), "url", str, f"{at}.{kind}")
        return _from_url(url, URL_PARTS[kind], f"{at}.{kind}.url", files, limits)
    known = ", ".join(("text", "input_audio", *URL_PARTS))
    raise UsageError(f"{at}.type is {kind!r}; known: {known}")


def _trust(part: dict[str, Any], at: str) -> Trust:
    levels = {level.name.lower(): level for level in Trust}
    name = part.get("trust", "system")  # the message lowers it to what its role allows
    if not isinstance(name, str) or name not in levels:
        raise UsageError(f"{at}.trust is {name!r}; known: {', '.join(levels)}; leave it out to trust the role")
    return levels[name]


def _from_url(url: str, kind: str, at: str, files: bool, limits: Limits) -> Part:
    try:
        address = urlsplit(url)
    except ValueError as error:
        raise UsageError(f"{at} isn't a URL ({error}); send a data URL") from error
    scheme = address.scheme
    if scheme == "data":
        head, comma, data = url.partition(",")
        if not comma:
            raise UsageError(f"{at} is a data URL without a comma; write data:TYPE;base64,DATA")
        raw = _base64(data, at, limits) if head.lower().endswith(";base64") else unquote_to_bytes(data)
        return medium(decode(raw, name=at, kind=kind, limits=limits), at, "upload")
    if scheme in ("http", "https"):
        raise UsageError(f"{at} points to the net, and trenza fetches no media; send it as a data URL")
    if not files:
        raise UsageError(f"{at} points to a file, which isn't allowed here; send it as a data URL")
    if scheme not in ("", "file"):
        raise UsageError(f"{at} has the scheme {scheme!r}; known: data, file, or a plain path")
    path = Path(unquote(address.path)) if scheme == "file" else Path(url)
    return medium(decode(path, kind=kind, limits=limits), str(path), "file")


def _base64(data: str, at: str, limits: Limits) -> bytes:
    if len(data) * 3 // 4 > limits.bytes:
        raise UsageError(
            f"{at} holds {len(data) * 3 // 4} bytes, the limit is {limits.bytes} (Limits.bytes); send a smaller file"
        )
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise UsageError(f"{at} isn't base64: {error}") from error


def write_messages(conversation: Conversation) -> list[dict[str, Any]]:
    """Messages for json.dump. Pictures as PNG and sounds as float WAV keep their content hash when read back.

    A video keeps its pixels but not its hash: it becomes an animated PNG (times in whole milliseconds, the first
    frame from 0; a lone frame is shown twice, or it would be a still), its sound track a part of its own. Whoever
    reads it samples its frames as those of any video.
    """
    return [
        {"role": m.role, "content": [written for part in m.parts for written in _write(part, TRUST_OF_ROLE[m.role])]}
        for m in conversation.messages
    ]


def _write(part: Part, ceiling: Trust) -> list[dict[str, Any]]:
    signal = part.signal
    if isinstance(signal, str):
        lowered = {"trust": part.trust.name.lower()} if part.trust < ceiling else {}
        return [{"type": "text", "text": signal, **lowered}]
    if isinstance(signal, Image):
        buffer = io.BytesIO()
        Pillow.fromarray(signal.pixels).save(buffer, "PNG")
        return [{"type": "image_url", "image_url": {"url": _data_url("image/png", buffer.getvalue())}}]
    if isinstance(signal, Audio):
        data = base64.b64encode(_float_wav(signal.samples)).decode()
        return [{"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}]
    url = _data_url("image/png", _animated_png(signal))
    sound = _write(Part(signal.audio), ceiling) if signal.audio is not None else []
    return [{"type": "video_url", "video_url": {"url": url}}, *sound]


def _data_url(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _float_wav(samples: np.ndarray) -> bytes:
    """32-bit float WAV, which the standard library can't write and 16 bits would round."""
    data = samples.astype("<f4").tobytes()
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 3, 1, SAMPLE_RATE, SAMPLE_RATE * 4, 4, 32)
    body = b"WAVE" + form + struct.pack("<4sI", b"data", len(data)) + data
    return struct.pack("<4sI", b"RIFF", len(body)) + body


def _animated_png(video: Video) -> bytes:
    frames = [Pillow.fromarray(frame) for frame in video.frames]
    # The first frame stands from 0, where the sound starts; the last one until the video ends.
    edges = [0, *(round(float(time) * 1000) for time in video.times[1:]), round((video.seconds or 0) * 1000)]
    if len(frames) == 1:
        frames, edges = frames * 2, [0, edges[-1] // 2, edges[-1]]
    milliseconds = [max(1, end - start) for start, end in pairwise(edges)]
    # Pillow merges equal neighbours unless they are blended differently; on opaque frames that changes no pixel.
    blend = [number % 2 for number in range(len(frames))]
    buffer = io.BytesIO()
    frames[0].save(buffer, "PNG", save_all=True, append_images=frames[1:], duration=milliseconds, blend=blend)
    return buffer.getvalue()
