"""Contrastive learning against open_clip's loss and step, and embedding against plain PyTorch and ONNX Runtime.

    pip install --no-deps open_clip_torch && pip install onnxruntime onnx
    python benchmarks/contrastive.py [--rounds 5] [--threads 2] [--large] [--json docs/contrastive.json]

Loss: forward and backward of both losses on the same unit vectors, batch 8,192, width 512, float32. Step: two linear
towers, the loss, AdamW, the same weights and batch. Sides take turns, `--rounds` times; the ratio is of the best
times, of the wall and of the processor (others who use the machine move the first more than the second). Memory is
what a fresh process takes at its peak more than before the loss. Large: batch 65,536 once, in a process of its own,
whose whole peak counts; it takes minutes.

Embedding: EfficientNet-Lite2 at 260 pixels, batches of 16: the plain float32 tower as PyTorch runs it, ours with
batch norm folded, channels last and bfloat16, as it is and compiled, and ONNX Runtime in float32 with all its
optimisations. The plain tower's embeddings are the reference for the others' cosines.

open_clip's loss.py is loaded alone: the rest of the package asks for torchvision, which isn't used here.
"""

import argparse
import importlib.util
import json
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trenza.align.contrastive import info_nce, sigmoid_loss

BATCH, WIDTH, LARGE = 8192, 512, 65_536
FEATURES = 1280
PICTURES, PIXELS = 16, 260


def open_clip_losses():
    """open_clip's module of losses, and its version."""
    from importlib.metadata import version

    package = importlib.util.find_spec("open_clip")
    if package is None or not package.submodule_search_locations:
        raise SystemExit("open_clip is missing; install it: pip install --no-deps open_clip_torch")
    file = Path(package.submodule_search_locations[0]) / "loss.py"
    spec = importlib.util.spec_from_file_location("open_clip_loss", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module, version("open_clip_torch")


def losses() -> dict[str, tuple[Callable, Callable]]:
    """Name -> ours, theirs; both take a, b, scale, bias."""
    theirs, _ = open_clip_losses()
    clip, siglip = theirs.ClipLoss(), theirs.SigLipLoss()
    return {
        "InfoNCE": (lambda a, b, s, _: info_nce(a, b, s), lambda a, b, s, _: clip(a, b, s)),
        "sigmoid": (sigmoid_loss, lambda a, b, s, c: siglip(a, b, s, c)),
    }


def vectors(count: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    rng = torch.Generator().manual_seed(0)
    a = F.normalize(torch.randn(count, WIDTH, generator=rng), dim=-1)
    b = F.normalize(a + torch.randn(count, WIDTH, generator=rng) / 8, dim=-1)
    return tuple(t.requires_grad_() for t in (a, b, torch.tensor(14.3), torch.tensor(-10.0)))


def measured(run: Callable[[], object]) -> tuple[float, float]:
    """Seconds of the wall and of the processor."""
    wall, processor = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - wall, time.process_time() - processor


def in_turn(sides: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Best wall and processor seconds of each side."""
    seen: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, run in sides.items():
            seen[name].append(measured(run))
            print(name, [round(s, 2) for s in seen[name][-1]], file=sys.stderr, flush=True)
    return {name: [min(t[i] for t in times) for i in range(2)] for name, times in seen.items()}


def compared(best: dict[str, list[float]], theirs: str = "open_clip") -> dict:
    wall, processor = (best[theirs][i] / best["trenza"][i] for i in range(2))
    return {
        "seconds, wall": {name: round(t[0], 3) for name, t in best.items()},
        "seconds, processor": {name: round(t[1], 3) for name, t in best.items()},
        "open_clip's time over ours, wall": round(wall, 2),
        "open_clip's time over ours, processor": round(processor, 2),
    }


def loss_times(rounds: int) -> dict:
    result = {}
    for name, (ours, theirs) in losses().items():
        inputs = vectors(BATCH)
        values = {}

        def run(side: str, loss: Callable, inputs=inputs, values=values) -> None:
            value = loss(*inputs)
            torch.autograd.backward(value)
            values[side] = value.item()
            for t in inputs:
                t.grad = None

        sides = {"trenza": lambda f=ours: run("trenza", f), "open_clip": lambda f=theirs: run("open_clip", f)}
        result[name] = compared(in_turn(sides, rounds)) | {"loss": values}
    return result


class Towers(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.image, self.text = nn.Linear(FEATURES, WIDTH), nn.Linear(FEATURES, WIDTH)
        self.scale = nn.Parameter(torch.tensor(1 / 0.07).log())

    def forward(self, pictures: Tensor, texts: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        unit = (F.normalize(tower(x), dim=-1) for tower, x in ((self.image, pictures), (self.text, texts)))
        return *unit, self.scale.exp()


def step_times(rounds: int) -> dict:
    rng = torch.Generator().manual_seed(1)
    pictures = torch.randn(BATCH, FEATURES, generator=rng)
    texts = pictures + torch.randn(BATCH, FEATURES, generator=rng)
    ours, theirs = losses()["InfoNCE"]

    def stepper(loss: Callable) -> Callable[[], None]:
        towers = Towers()
        optimiser = torch.optim.AdamW(towers.parameters(), lr=1e-3)

        def step() -> None:
            optimiser.zero_grad()
            loss(*towers(pictures, texts), None).backward()
            optimiser.step()

        return step

    return compared(in_turn({"trenza": stepper(ours), "open_clip": stepper(theirs)}, rounds))


def peak_memory(side: str, name: str) -> None:
    """In a process of its own: bytes that loss and gradients of the batch take at their peak."""
    loss = losses()[name][side == "open_clip"]
    small = vectors(64)
    loss(*small).backward()  # libraries are loaded and warm
    inputs = vectors(BATCH)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    loss(*inputs).backward()
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)


def large() -> None:
    """In a process of its own: one forward and backward at 65,536; prints seconds, loss, peak of the process."""
    inputs = vectors(LARGE)
    wall, _ = measured(lambda: info_nce(*inputs[:3]).backward())
    norm = inputs[0].grad.norm().item()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({
        "batch": LARGE, "width": WIDTH, "seconds": round(wall, 1), "norm of the gradient": norm,
        "peak of the whole process, bytes": peak, "limit": 2 * 2**30,
    }))  # fmt: skip


def alone(*arguments: str) -> str:
    done = subprocess.run([sys.executable, __file__, *arguments], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def embedding(rounds: int, threads: int) -> dict:
    import onnxruntime

    from trenza.checkpoints.parts import efficientnet_lite2
    from trenza.towers.efficientnet import quick

    plain = efficientnet_lite2().eval().requires_grad_(False)
    pixels = torch.rand(PICTURES, 3, PIXELS, PIXELS, generator=torch.Generator().manual_seed(2)) * 2 - 1
    fast = quick(plain)
    last = pixels.bfloat16().contiguous(memory_format=torch.channels_last)
    compiled = torch.compile(fast, dynamic=False)
    with tempfile.TemporaryDirectory() as folder:
        file = f"{folder}/tower.onnx"
        torch.onnx.export(plain, (pixels,), file, input_names=["pixels"], dynamo=False)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    array = pixels.numpy()
    run: dict[str, Callable[[], Tensor]] = {
        "plain PyTorch": lambda: plain(pixels),
        "trenza": lambda: fast(last),
        "trenza, compiled": lambda: compiled(last),
        "ONNX Runtime": lambda: torch.from_numpy(session.run(None, {"pixels": array})[0]),
    }
    with torch.inference_mode():
        maps = {name: f().float().mean((2, 3)) for name, f in run.items()}  # compiles and warms up
        best = in_turn(run, rounds)
    alike = {n: F.cosine_similarity(m, maps["plain PyTorch"]).min().item() for n, m in maps.items()}
    return {
        "pictures a second": {name: round(PICTURES / t[0], 1) for name, t in best.items()},
        "pictures a processor second": {name: round(PICTURES / t[1], 1) for name, t in best.items()},
        "least cosine to plain": {name: round(c, 4) for name, c in alike.items()},
        "ours over plain, wall": round(best["plain PyTorch"][0] / best["trenza, compiled"][0], 2),
        "ours over ONNX Runtime, wall": round(best["ONNX Runtime"][0] / best["trenza, compiled"][0], 2),
        "targets": [4.0, 1.0], "onnxruntime": onnxruntime.__version__,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--large", action="store_true", help="also batch 65,536 (minutes)")
    parser.add_argument("--only", choices=("loss", "embedding", "large"), help="a part; others stay in the JSON")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    if args.child:
        return large() if args.child[0] == "large" else peak_memory(*args.child)
    result = json.loads(args.json.read_text()) if args.json and args.json.exists() and args.only else {}
    result |= {"machine": f"{platform.machine()}, {args.threads} threads", "open_clip": open_clip_losses()[1]}
    child = ("--threads", str(args.threads), "--child")
    if args.only in (None, "loss"):
        memory = {n: {s: int(alone(*child, s, n)) for s in ("trenza", "open_clip")} for n in losses()}
        for sides in memory.values():
            sides["ours over theirs"] = round(sides["trenza"] / sides["open_clip"], 4)
        result["memory of the loss, bytes"] = memory | {"batch": BATCH, "target": 1 / 8}
        result["loss"] = loss_times(args.rounds) | {"batch": BATCH, "target": 1.0}
        result["step"] = step_times(args.rounds) | {"batch": BATCH, "target": 1.0}
    if args.only in (None, "embedding"):
        result["embedding"] = embedding(args.rounds, args.threads)
    if args.large or args.only == "large":
        result["large batch"] = json.loads(alone(*child, "large", "-"))
    print(json.dumps(result, indent=1))
    if args.json:
        args.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    np.random.seed(0)
    main()
