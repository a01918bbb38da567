"""Each architecture's figures are measured on what was trained; the page says no more than they do."""

import subprocess

import numpy as np
import pytest
import torch

from trenza.align import comparing
from trenza.align import recipe as recipes
from trenza.align.comparing import counting, front
from trenza.align.comparison_page import large, page, serving
from trenza.align.trainer import Trainer
from trenza.cli.main import main
from trenza.conversation import Answer, Usage
from trenza.data.corpora.entries import png, wav
from trenza.data.samples import Item
from trenza.evaluate import tasks
from trenza.evaluate.tasks import Task
from trenza.systems import load
from trenza.systems.references import pictures

pytestmark = pytest.mark.usefixtures("narrow")
SYSTEMS = ["clip_answers", "llava", "flamingo", "blip2", "pali", "native", "native_patches"]


def task() -> Task:
    """Six items about a picture, one about a sound; joined with another task, so that the page tells them apart."""
    shown = [png(p.pixels[:40, :40]) for p in pictures()[2:5]]
    made = [
        Item(f"world-{n // 2}-{n % 2}", (shown[n // 2],), "Is it red?", ("yes", "no")[n // 2 % 2],
             ("verify", "compare")[n % 2], "en", "test_seed", ("yes", "no"), (), "", {})
        for n in range(6)
    ]  # fmt: skip
    sound = wav(np.zeros(16_000, np.float32), 16_000)
    heard = Item("world-9-0", (sound,), "Is it loud?", "no", "verify", "en", "test_seed", ("yes", "no"), (), "", {})
    return tasks.joined([tasks.gather("seen", iter(made), 0), tasks.gather("heard", iter([heard]), 0)])


class Obedient:
    """Says yes to a light picture, no to a dark one."""

    def respond_many(self, asked, most):
        shown = [next(p.signal for p in c.parts if p.is_media) for c in asked]
        return [Answer("yes" if s.pixels[0, 0, 0] > 127 else "no", (), None, Usage(0, 0, 0)) for s in shown]


def test_what_is_seen_is_told_from_what_is_guessed():
    shown = [png(np.full((8, 8, 3), value, np.uint8)) for value in (0, 255, 1, 254)]
    made = [
        Item(f"a-{n}", (m,), f"Which is {n}?", "yes" if n % 2 else "no", "verify", "en", "test_seed", ("yes", "no"))
        for n, m in enumerate(shown)
    ]  # fmt: skip
    asked = tasks.gather("lights", iter(made), 0)
    got = comparing.quality(Obedient(), asked)
    assert got["all"][0] == 1.0 and got[comparing.UNSEEN][0] == 0.0 and got["verify"][3] == 4
    assert got[comparing.ADDED][0] == 1.0
    held = tasks.gather("one light", iter(made[:1]), 0)  # nothing to exchange its medium with
    assert comparing.quality(Obedient(), held).keys() == {"all", "verify"}


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_architecture_is_measured(system, recipe, tiny, monkeypatch):
    trainer = Trainer(recipes.load(recipe, [f"system={system}", "steps=2", "rank=0"]), tiny())
    folder = trainer.run()
    parts = tiny()
    monkeypatch.setattr(load, "language", lambda *dtype: (parts.language, parts.tokenizer))
    monkeypatch.setattr(load, "grids", lambda: parts.grids)
    monkeypatch.setattr(load, "codecs", parts.codecs)
    responder = load.responder(str(folder))
    before = {name: p.clone() for name, p in trainer.system.named_parameters()}
    got = comparing.measured(trainer, responder, task(), pictures()[2])
    assert all(
        torch.equal(before[name], p) for name, p in trainer.system.named_parameters()
    )  # measuring trains nothing
    taken = 7 if "audio" in _kinds(responder) else 6
    assert got["quality"]["all"][3] == taken and (
        got["quality"].get("items with media that it can't take", 0) == 7 - taken
    )
    assert got["quality"]["seen"][3] == 6 and 0 < got["quality"][comparing.UNSEEN][3] <= 6
    assert got["training"]["seconds of what it starts from"] is None
    assert 0 < got["training"]["trainable parameters"] < got["parameters"]["total"]
    assert got["training"]["steps"] == 2 and got["training"]["FLOPs"] > got["picture"]["prefill FLOPs"] > 0
    assert got["picture"]["cache bytes"] > 0 and (system.startswith("native") or got["picture"]["tower FLOPs"] > 0)
    if system == "llava":  # keys and values of 2 layers of one head of 16, in float32
        assert got["picture"]["cache bytes"] == got["picture"]["tokens"] * 2 * 2 * 16 * 4


def _kinds(responder) -> set[str]:
    config = responder.system.config
    if hasattr(config, "codes"):
        return {*config.codes, *config.patches}
    return {"image", "audio"}


def test_flops_of_a_product_and_of_attention_are_counted():
    with counting() as counter:
        torch.zeros(3, 5) @ torch.zeros(5, 7)
        q = torch.zeros(1, 2, 4, 8)
        torch.nn.functional.scaled_dot_product_attention(q, q, q)
    assert counter.get_total_flops() == 2 * 3 * 5 * 7 + 2 * (2 * 2 * 4 * 4 * 8)


def test_a_process_is_not_told_its_parents_memory():
    held = np.ones(200_000_000)  # 1.6 GB
    assert 0.01 < comparing.peak_memory("--help") < held.nbytes / 2**30 / 2
    with pytest.raises(subprocess.CalledProcessError):
        comparing.peak_memory("no such command")


def test_the_front_holds_what_no_other_beats():
    points = {"dear": (9.0, 0.7), "best": (5.0, 0.8), "cheap": (1.0, 0.4), "worse": (2.0, 0.4)}
    assert front(points) == ["cheap", "best"]


def figures(quality: float, tokens: int, flops: float, first: float, speed: float) -> dict:
    return {
        "quality": {"all": [quality, quality - 0.1, quality + 0.1, 50], "verify": [0.5, 0.4, 0.6, 20]},
        "training": {"trainable parameters": 1_230_000, "steps": 3, "seconds": 12.0, "FLOPs": 3.2e12},
        "parameters": {"total": 150_000_000},
        "picture": {"tokens": tokens, "tower FLOPs": 1e9, "prefill FLOPs": flops, "cache bytes": tokens * 1000},
        "times": {"seconds to the first token": first, "tokens a second": speed},
    }  # fmt: skip


def test_the_page_tells_figures_and_who_is_easier_to_serve():
    report = {"long <b>": figures(0.8, 64, 4e9, 0.2, 30.0), "short": figures(0.6, 4, 1e9, 0.1, 20.0)}
    report["short"]["quality"].pop("verify")
    html = page(report, "of a test")
    assert "0.80 (0.70 to 0.90)" in html and "1.23M" in html and "3.2T" in html and "<td>64</td>" in html
    assert "long &lt;b&gt;" in html and "<b>" not in html
    told = serving(report)
    assert told.startswith("short keeps least for a picture while it answers, 4k bytes (long <b> most, 64k)")
    assert "long <b> goes on fastest (30 a second)" in told and "no other beats short, long <b>" in told
    assert "Of none is it shown that it looks" in told
    report["short"]["quality"][comparing.ADDED] = [0.1, 0.02, 0.2, 50]
    report["long <b>"]["quality"][comparing.ADDED] = [0.1, 0.0, 0.2, 50]
    assert "short and no other is shown to look" in serving(report)
    assert (large(0), large(999), large(1500)) == ("0", "999", "1.5k")


@pytest.mark.parametrize(
    "changes, told",
    [
        (["system=blip2_stage1"], "blip2_stage1 is no system of its own"),
        (["sistem=llava"], "did you mean 'system'"),
        (["perceive=things"], "perceive: only grid is compared"),
    ],
)
def test_recipes_that_cant_be_compared_are_refused(changes, told, recipe, capsys):
    assert main(["compare", str(recipe), *(f"--set={c}" for c in changes)]) == 2
    assert told in capsys.readouterr().err


def test_two_recipes_need_two_folders(recipe, tmp_path, capsys):
    other = tmp_path / "other.yaml"
    other.write_text(recipe.read_text())
    assert main(["compare", str(recipe), str(other)]) == 2
    assert "write to the same folder" in capsys.readouterr().err
    assert main(["compare", str(recipe), str(recipe)]) == 2
    assert "same file name" in capsys.readouterr().err
