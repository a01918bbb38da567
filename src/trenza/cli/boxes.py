"""Pictures with their evidence framed, as `trenza ask --boxes` writes them."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image as Pillow
from PIL import ImageDraw

from trenza.conversation import Box, Evidence
from trenza.errors import UsageError
from trenza.signals import Audio, Image, Video

FRAME, RIM = (230, 30, 90), (255, 255, 255)  # a rim on both sides, so that it is seen on any picture
THICK = 1 / 90  # of the longer side


def draw(folder: Path, names: Sequence[str], media: Sequence[Image | Audio | Video], found: Sequence[Evidence]):
    """Write a PNG into `folder` for each picture that evidence lies in, and yield (path, number of its boxes).

    A sound has nothing to draw and a video's boxes move, so both are left out. Raises UsageError naming the folder.
    """
    for part, (name, signal) in enumerate(zip(names, media, strict=True)):
        boxes = [e.where for e in found if e.part == part and isinstance(e.where, Box)]
        if not boxes or not isinstance(signal, Image):
            continue
        stem = Path(name).stem if name != "-" else "standard-input"
        path = folder / f"{part + 1}-{stem}.png"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            framed(signal, boxes).save(path)
        except OSError as error:
            raise UsageError(f"--boxes: {path} can't be written ({error}); give another folder") from error
        yield path, len(boxes)


def framed(picture: Image, boxes: Sequence[Box]) -> Pillow.Image:
    drawn = Pillow.fromarray(picture.pixels.copy())
    pen = ImageDraw.Draw(drawn)
    height, width = picture.pixels.shape[:2]
    thick = max(1, round(max(height, width) * THICK))
    for box in boxes:
        x0, y0 = box.x0 * (width - 1), box.y0 * (height - 1)
        x1, y1 = max(box.x1 * (width - 1), x0), max(box.y1 * (height - 1), y0)
        pen.rectangle((x0 - 1, y0 - 1, x1 + 1, y1 + 1), outline=RIM, width=thick + 2)
        pen.rectangle((x0, y0, x1, y1), outline=FRAME, width=thick)
    return drawn
