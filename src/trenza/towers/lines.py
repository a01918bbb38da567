"""What is written in a picture, line by line: RapidOCR's detector and reader (PP-OCR, Du et al. 2020) in ONNX."""

import numpy as np
import torch
from PIL import Image as Pillow

from trenza.towers.written import Line

MOST = 24  # lines of one picture
READ_AT = 768  # pixels of the longer side: letters 8 px high on a 256 px screen are read without a fault from here on


class LineReader:
    def __init__(self):
        from rapidocr_onnxruntime import RapidOCR  # takes a second to import

        self._engine = RapidOCR(intra_op_num_threads=torch.get_num_threads(), inter_op_num_threads=1)

    def read(self, pixels: np.ndarray) -> list[Line]:
        """uint8 [H, W, 3] to lines, from the top down."""
        height, width = pixels.shape[:2]
        scale = max(1.0, READ_AT / max(height, width))
        size = round(width * scale), round(height * scale)
        larger = np.asarray(Pillow.fromarray(pixels).resize(size, Pillow.Resampling.BICUBIC))
        found, _ = self._engine(larger[..., ::-1], use_cls=False)
        lines = []
        for corners, text, _ in found or []:
            x, y = np.asarray(corners, float).T / np.array(size)[:, None]
            box = np.clip((y.min(), x.min(), y.max(), x.max()), 0, 1)
            lines.append(Line(text, tuple(float(v) for v in box)))
        return sorted(lines, key=lambda line: line.box[0])[:MOST]
