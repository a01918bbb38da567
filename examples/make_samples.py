"""Makes the four samples of the demo, from sources that were never trained on.

    python examples/make_samples.py

Pictures: OpenMoji (CC BY-SA 4.0, openmoji.org). Speech: espeak-ng with a voice held out from training.
"""

import wave
from pathlib import Path

import av
import numpy as np
from PIL import Image as Pillow

from trenza.align.concepts import on_white, squared
from trenza.data.corpora import pictures, speech

HERE = Path(__file__).parent
STILLS = ("elephant", "banana", "umbrella")
MOVING, SPOKEN, VOICE = "bicycle", "butterfly", speech.UNSEEN_VOICES[0]


def main() -> None:
    drawn = {p.name: p for p in pictures.emoji(pictures.UNSEEN_STYLE)}
    for name in STILLS:
        Pillow.fromarray(picture(drawn[name])).save(HERE / f"{name}.png", optimize=True)
    film(picture(drawn[MOVING]), HERE / f"{MOVING}.mp4")
    with wave.open(str(HERE / "spoken.wav"), "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(speech.SAMPLE_RATE)
        writer.writeframes((speech.speak(SPOKEN, VOICE) * 32767).clip(-32768, 32767).astype(np.int16).tobytes())


def picture(source: pictures.Picture) -> np.ndarray:
    return on_white(squared(source.rgba(256), 256)).transpose(1, 2, 0)


def film(pixels: np.ndarray, file: Path) -> None:
    """Three seconds in which the picture wanders over a white ground."""
    with av.open(str(file), "w") as container:
        stream = container.add_stream("h264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 320, 256, "yuv420p"
        for number in range(30):
            canvas = np.full((256, 320, 3), 255, np.uint8)
            left = round(32 + 32 * np.sin(number / 5))
            canvas[:, left : left + 256] = pixels
            container.mux(stream.encode(av.VideoFrame.from_ndarray(canvas, "rgb24")))
        container.mux(stream.encode(None))


if __name__ == "__main__":
    main()
