"""What is written in a picture, line by line: RapidOCR's detector and reader (PP-OCR, Du et al. 2020) in ONNX."""

from collections.abc import Callable

import numpy as np
import torch
from PIL import Image as Pillow
from torch import Tensor

from trenza.bridges.perceived import LINE_COLUMNS, LINE_TOKENS

MOST = 24  # lines of one picture
READ_AT = 768  # pixels of the longer side: letters 8 px high on a 256 px screen are read without a fault from here on


class LineReader:
    """encode: text to tokens of the language model."""

    def __init__(self, encode: Callable[[str], list[int]]):
        from rapidocr_onnxruntime import RapidOCR  # takes a second to import

        self.encode = encode
        self._engine = RapidOCR(intra_op_num_threads=torch.get_num_threads(), inter_op_num_threads=1)

    def texts(self, pixels: np.ndarray) -> list[tuple[str, tuple[float, ...]]]:
        """uint8 [H, W, 3] to lines and their boxes (y0 x0 y1 x1 in 0..1), from the top down."""
        height, width = pixels.shape[:2]
        scale = max(1.0, READ_AT / max(height, width))
        size = round(width * scale), round(height * scale)
        larger = np.asarray(Pillow.fromarray(pixels).resize(size, Pillow.Resampling.BICUBIC))
        found, _ = self._engine(larger[..., ::-1], use_cls=False)
        lines: list[tuple[str, tuple[float, ...]]] = []
        for corners, text, _ in found or []:
            x, y = np.asarray(corners, float).T / np.array(size)[:, None]
            box = (y.min(), x.min(), y.max(), x.max())
            lines.append((text, tuple(float(v) for v in np.clip(box, 0, 1))))
        return sorted(lines, key=lambda line: line[1][0])[:MOST]

    def read(self, pixels: np.ndarray) -> Tensor:
        """uint8 [H, W, 3] to float32 [K, 28]: the box y0 x0 y1 x1, then up to 24 tokens filled with -1."""
        rows = torch.full((0, LINE_COLUMNS), -1.0)
        for text, box in self.texts(pixels):
            row = torch.full((1, LINE_COLUMNS), -1.0)
            tokens = self.encode(text)[:LINE_TOKENS]
            row[0, :4], row[0, 4 : 4 + len(tokens)] = torch.tensor(box), torch.tensor(tokens, dtype=torch.float32)
            rows = torch.cat([rows, row])
        return rows
