"""What a search found, as one self-contained HTML page with thumbnails."""

import base64
import io
from collections.abc import Sequence
from html import escape
from pathlib import Path

from PIL import Image as Pillow

from trenza.data.files import extension_of, whole
from trenza.data.index import Found
from trenza.errors import SignalError
from trenza.signals import Audio, Image, decode

SIDE = 192  # pixels
_MOST_SOUND_BYTES = 400_000  # a longer sound is named, not embedded
_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#222;background:#fff}
ol{display:flex;flex-wrap:wrap;gap:1rem;list-style:none;padding:0}
li{border:1px solid #ccc;border-radius:6px;padding:.6rem;width:12rem;font-size:13px;overflow-wrap:anywhere}
img{display:block;max-width:12rem;max-height:12rem;margin:0 auto .4rem}audio{width:12rem}
@media(prefers-color-scheme:dark){body{background:#181818;color:#ddd}li{border-color:#444}img{background:#fff}}
"""


def write(folder: Path, query: str, found: Sequence[Found], page: Path) -> None:
    """The page, whole or not at all."""
    items = "".join(
        f"<li>{_shown(folder / f.name)}{escape(f.name)}<br>{f.kind}, score {f.score:.3f}</li>" for f in found
    )
    title = escape(f"{query} in {folder}")
    html = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
        f"<h1>{title}</h1><ol>{items}</ol></html>\n"
    )
    with whole(page) as partial:
        partial.write_text(html, encoding="utf-8")


def _shown(file: Path) -> str:
    try:
        signal = decode(file)
    except SignalError:
        return "(can't be read any more)<br>"
    if isinstance(signal, Audio):
        data = file.read_bytes()
        if len(data) > _MOST_SOUND_BYTES:
            return f"(a sound of {signal.seconds:.0f} s)<br>"
        return f'<audio controls src="data:audio/{extension_of(file.name)};base64,{_base64(data)}"></audio><br>'
    picture = Pillow.fromarray(signal.pixels if isinstance(signal, Image) else signal.frames[0])
    picture.thumbnail((SIDE, SIDE))
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=80)
    return f'<img alt="" src="data:image/webp;base64,{_base64(buffer.getvalue())}">'


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
