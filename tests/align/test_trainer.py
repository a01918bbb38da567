"""A training killed and resumed is the training that was never killed; two processes give the loss of one."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import safetensors.torch
import torch

import trenza
from trenza.align import assemble, saving, sharding
from trenza.align import recipe as recipes
from trenza.align.trainer import Trainer
from trenza.errors import TrainingError, UsageError, WeightsError

SCRIPT = Path(__file__).with_name("tiny_training.py")
SOURCE = str(Path(trenza.__path__[0]).parent)


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("TRENZA_CACHE", str(tmp_path / "cache"))


def command(recipe: Path, *changes: str) -> list[str]:
    return [sys.executable, str(SCRIPT), str(recipe), *changes]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": SOURCE, "OMP_NUM_THREADS": "1"}


def losses(out: Path) -> list[float]:
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == list(range(len(rows)))
    return [row["loss"] for row in rows]


def test_killed_at_a_step_and_resumed_the_curve_is_the_same_to_the_last_bit(recipe, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    subprocess.run(command(recipe, f"out={whole}"), env=environment(), check=True, timeout=100)
    process = subprocess.Popen(command(recipe, f"out={killed}"), env=environment(), stdout=subprocess.DEVNULL)
    metrics = killed / "metrics.jsonl"
    deadline = time.monotonic() + 60
    while not (metrics.exists() and len(metrics.read_text().splitlines()) >= 5) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert len(metrics.read_text().splitlines()) < 12
    with metrics.open("a") as file:
        file.write('{"step": 11, "lo')  # as a kill may leave it
    again = command(recipe, f"out={killed}")
    done = subprocess.run(again, env=environment(), check=True, timeout=100, capture_output=True, text=True)
    assert int(done.stdout.split()[-1]) >= 3
    assert losses(killed) == losses(whole)
    assert len(losses(whole)) == 12
    ours, theirs = (saving.load(saving.latest(out / "checkpoints"))[0] for out in (killed, whole))
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_batches_made_ahead_by_workers_are_those_made_on_the_way_also_when_resumed(recipe, tmp_path, tiny):
    here, ahead = tmp_path / "here", tmp_path / "ahead"
    Trainer(recipes.load(recipe, [f"out={here}"]), tiny()).run()
    Trainer(recipes.load(recipe, [f"out={ahead}", "workers=2"]), tiny()).run()
    assert losses(ahead) == losses(here)
    newest = saving.latest(ahead / "checkpoints")
    states = [json.loads((saving.latest(out / "checkpoints") / "state.json").read_text()) for out in (here, ahead)]
    assert states[0]["loader"] == states[1]["loader"]
    shutil.rmtree(newest)
    assert Trainer(recipes.load(recipe, [f"out={ahead}", "workers=3"]), tiny()).run()
    assert losses(ahead) == losses(here)


def test_what_goes_wrong_in_a_worker_is_told_as_elsewhere(recipe, tmp_path, tiny, monkeypatch):
    trainer = Trainer(recipes.load(recipe, ["workers=1"]), tiny())
    monkeypatch.setattr(trainer.feed, "example", lambda *_: (_ for _ in ()).throw(UsageError("its own words")))
    with pytest.raises(UsageError, match=r"^its own words$"):
        trainer.run()
    trainer = Trainer(recipes.load(recipe, ["workers=1", f"out={tmp_path / 'killed'}"]), tiny())
    monkeypatch.setattr(trainer.feed, "example", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    with pytest.raises(TrainingError, match=r"a process that makes batches ended .* lower workers"):
        trainer.run()


@pytest.mark.slow
def test_two_processes_give_the_loss_of_one(recipe, tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    subprocess.run(command(recipe, f"out={one}"), env=environment(), check=True, timeout=300)
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2", "--master_port=29517"]
    subprocess.run([*launch, *command(recipe, f"out={two}")[1:]], env=environment(), check=True, timeout=300)
    assert losses(two) == pytest.approx(losses(one), abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("system", ["llava", "flamingo"])
def test_sharded_processes_give_the_loss_of_one_and_either_goes_on_from_the_other(recipe, tmp_path, system):
    one, two = tmp_path / "one", tmp_path / "two"
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2", "--master_port=29518"]
    sharded = environment() | {sharding.FLAG: "true"}
    froms: list[int] = []

    def run(out: Path, *before: str, env: dict[str, str]) -> list[float]:
        asked = command(recipe, f"out={out}", f"system={system}", "save_every=4")
        done = subprocess.run(
            [*before, *asked[len(before) > 0 :]], env=env, check=True, timeout=300, capture_output=True, text=True
        )
        held = [float(share) for share in re.findall(r"holds (\S+) of all", done.stdout)]
        froms.append(int(re.findall(r"from (\d+)", done.stdout)[0]))
        assert len(held) == 1 + len(before) // len(launch) and all(h < 0.6 if before else h == 1 for h in held)
        return losses(out)

    curve = run(one, env=environment())
    assert run(two, *launch, env=sharded) == pytest.approx(curve, abs=1e-4)
    ends = [safetensors.torch.load_file(out / "model" / "model.safetensors") for out in (one, two)]
    assert ends[0].keys() == ends[1].keys()
    assert all(torch.allclose(ends[0][name], ends[1][name], atol=1e-3) for name in ends[0])
    assert (two / "samples.jsonl").exists()
    # The last checkpoints are lost: each goes on from what the other way of training has left.
    for out, again, env in ((one, launch, sharded), (two, [], environment())):
        shutil.rmtree(saving.latest(out / "checkpoints"))
        shutil.rmtree(out / "model")
        assert run(out, *again, env=env) == pytest.approx(curve, abs=1e-4)
        assert (out / "model" / "model.safetensors").exists()
    assert froms == [0, 0, 8, 8]


def test_it_learns_and_its_folder_goes_on(recipe, tiny, tmp_path):
    given = recipes.load(recipe, ["steps=60", "learning_rate=1e-2", "bridge_rate=1e-2", "places_rate=3e-2"])
    folder = Trainer(given, tiny()).run()
    curve = losses(given.out)
    assert sum(curve[-5:]) < 0.6 * sum(curve[:5])
    samples = [json.loads(line) for line in (given.out / "samples.jsonl").read_text().splitlines()]
    assert {"step", "question", "answer", "true"} <= samples[0].keys()
    onward = recipes.load(recipe, ["steps=1", f"start={folder}", f"out={tmp_path / 'on'}", "warmup=1"])
    Trainer(onward, tiny()).run()
    assert losses(onward.out)[0] < 0.6 * curve[0]
    other = recipes.load(recipe, [f"start={folder}", "rank=3", f"out={tmp_path / 'other'}"])
    with pytest.raises(WeightsError, match="differs in rank"):
        Trainer(other, tiny())
    shutil.rmtree(folder)
    assert Trainer(onward, tiny()).done == 1  # what it started from isn't needed to go on


def test_what_cant_work_stops_at_once(recipe, tiny, tmp_path):
    with pytest.raises(UsageError, match="batch: 400 is more than the 24 conversations"):
        Trainer(recipes.load(recipe, ["batch=400"]), tiny())
    with pytest.raises(UsageError, match="system: 'lava' is unknown; known: clip_answers, llava"):
        Trainer(recipes.load(recipe, ["system=lava"]), tiny())
    with pytest.raises(WeightsError, match="nowhere"):
        Trainer(recipes.load(recipe, [f"start={tmp_path / 'nowhere'}"]), tiny())


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_good_checkpoint(recipe, tiny):
    given = recipes.load(recipe, ["steps=9"])
    trainer = Trainer(given, tiny())

    def poison(row):
        if row["step"] == 4:
            trainer.system.marks["image_begin"].data.fill_(float("nan"))

    with pytest.raises(TrainingError, match=r"step 5: the loss is nan; the last good checkpoint is .*step-0000003"):
        trainer.run(poison)
    assert Trainer(given, tiny()).done == 3


def test_what_cant_be_sharded_says_so_at_once(recipe, tiny, monkeypatch):
    monkeypatch.setenv(sharding.FLAG, "true")
    with pytest.raises(UsageError, match="among processes, and there is one"):
        Trainer(recipes.load(recipe, ["steps=3"]), tiny())
    assert os.environ[sharding.FLAG] == "true"  # the next training of this process is asked for it too


def test_a_training_of_another_recipe_is_not_gone_on_with(recipe, tiny):
    Trainer(recipes.load(recipe, ["steps=3"]), tiny()).run()
    with pytest.raises(UsageError, match=r"holds a training of another recipe \(steps, learning_rate differ\)"):
        Trainer(recipes.load(recipe, ["steps=4", "learning_rate=1e-5"]), tiny())


def test_a_full_disk_leaves_the_last_checkpoint(recipe, tiny, monkeypatch):
    trainer = Trainer(recipes.load(recipe, ["steps=6"]), tiny())
    real = saving.save_file

    def full(tensors, file):
        if trainer.done == 6:
            raise OSError(28, "No space left on device")
        real(tensors, file)

    monkeypatch.setattr(saving, "save_file", full)
    with pytest.raises(UsageError, match=r"No space left on device.*goes on from step-0000003"):
        trainer.run()
    assert [p.name for p in trainer.checkpoints.iterdir()] == ["step-0000003"]


def test_a_damaged_checkpoint_is_named(recipe, tiny):
    trainer = Trainer(recipes.load(recipe, ["steps=3"]), tiny())
    trainer.run()
    (saving.latest(trainer.checkpoints) / "optimiser.safetensors").write_bytes(b"half")
    with pytest.raises(WeightsError, match=r"step-0000003 is damaged"):
        Trainer(recipes.load(recipe, ["steps=3"]), tiny())


def test_exchanged_words_are_those_of_others(recipe, tiny):
    plain, noisy = (
        Trainer(recipes.load(recipe, [f"data.0.shuffled={share}"]), tiny()).feed for share in (0.0, 0.5)
    )  # fmt: skip
    records = plain.loader.records.records[0]
    changed = sum(plain._read(r)[1] != noisy._read(r)[1] for r in records)
    assert 6 <= changed <= 12  # half of the 24; some get the same words from another


def test_own_weights_hold_all_that_is_trained(recipe, tiny):
    trainer = Trainer(recipes.load(recipe, []), tiny())
    own = assemble.own_weights(trainer.system)
    assert "language.added" in own
    assert not any(name.startswith("language.embedding") for name in own)
    assert any(name.endswith("attention.q.up") for name in own)
