"""Every system trains by a recipe and answers from its folder, on parts that are tiny."""

import json

import numpy as np
import pytest

from trenza.align import recipe as recipes
from trenza.align.trainer import Trainer
from trenza.conversation import Conversation
from trenza.data.corpora.entries import png
from trenza.data.samples import Pair
from trenza.data.shards import write_shard
from trenza.errors import WeightsError
from trenza.systems import load
from trenza.systems.answering import Sampling
from trenza.systems.references import pictures

pytestmark = pytest.mark.usefixtures("narrow")
SYSTEMS = ["clip_answers", "llava", "flamingo", "blip2", "blip2_stage1", "pali", "native", "native_patches"]


@pytest.mark.parametrize("system", SYSTEMS)
def test_it_trains_by_a_recipe_and_answers_from_its_folder(system, recipe, tiny, monkeypatch):
    training = Trainer(recipes.load(recipe, [f"system={system}", "steps=3", "rank=0"]), tiny())
    folder = training.run()
    rows = [json.loads(line) for line in (training.recipe.out / "metrics.jsonl").read_text().splitlines()]
    assert len(rows) == 3 and all(row["loss"] > 0 for row in rows)
    parts = tiny()
    monkeypatch.setattr(load, "language", lambda *dtype: (parts.language, parts.tokenizer))
    monkeypatch.setattr(load, "grids", lambda: parts.grids)
    monkeypatch.setattr(load, "codecs", parts.codecs)
    responder = load.responder(str(folder))
    asked = Conversation.ask("colour?", pictures()[2])
    answer = responder.respond(asked, Sampling(max_tokens=3), support=False)
    assert answer.usage.media_tokens > 0
    example = responder.prompt(asked).example
    theirs, ours = (model.score(example, [[5, 6]]) for model in (training.system, responder.system))
    assert abs(float(theirs[0] - ours[0])) < 1e-3  # what was trained is what was loaded


def test_clip_keeps_the_most_usual_answers_of_its_data(recipe, tiny):
    training = Trainer(recipes.load(recipe, ["system=clip_answers", "steps=1", "rank=0"]), tiny())
    decode = training.tokenizer.decode
    assert [decode(said[:-1]) for said in training.system.said] == ["red", "blue"]  # corners are too long to keep


def test_the_second_stage_of_blip2_takes_over_the_first_s_q_former(recipe, tiny, tmp_path):
    first = Trainer(recipes.load(recipe, ["system=blip2_stage1", "steps=2"]), tiny())
    folder = first.run()
    changes = ["system=blip2", f"start={folder}", f"out={tmp_path / 'second'}"]
    second = Trainer(recipes.load(recipe, changes), tiny())
    learned = first.system.qformer.state_dict()
    assert all((learned[name] == tensor).all() for name, tensor in second.system.qformer.state_dict().items())
    with pytest.raises(WeightsError, match="differs in system"):
        Trainer(recipes.load(recipe, ["system=flamingo", f"start={folder}", f"out={tmp_path / 'third'}"]), tiny())


def test_native_also_learns_to_produce_what_pairs_show(recipe, tiny, monkeypatch, tmp_path):
    rng = np.random.default_rng(0)
    pairs = [
        Pair(f"{n}", png(rng.integers(0, 256, (64, 64, 3), np.uint8)), f"thing {n}", "en", "noto", "none", "train")
        for n in range(4)
    ]
    write_shard(tmp_path / "pairs" / "0.tar", pairs)
    changes = ["system=native", "steps=2", "rank=2", f"data.0.path={tmp_path / 'pairs'}"]
    training = Trainer(recipes.load(recipe, changes), tiny())
    examples = next(iter(training.feed))
    drawn = [e for e in examples if not e.media]
    assert len(examples) == 8 and 0 < len(drawn) <= 4  # a hint behind the question leaves it a question of words
    mark = training.system.first["image"]
    assert all(e.turns[0].answer[0] == mark and len(e.turns[0].answer) == 64 + 3 for e in drawn)
    parts = tiny()
    monkeypatch.setattr(load, "language", lambda *dtype: (parts.language, parts.tokenizer))
    monkeypatch.setattr(load, "codecs", parts.codecs)
    assert load.producer(str(training.run()))("Draw thing 1.").pixels.shape == (64, 64, 3)


def test_shots_are_the_conversation_that_the_chat_template_writes(recipe, tiny):
    parts = tiny()
    training = Trainer(recipes.load(recipe, ["system=flamingo", "shots=2", "turns=1"]), parts)
    batch = next(iter(training.feed))
    assert [len(example.before) for example in batch] == [0, 1, 2, 0]
    one, two = batch[1], batch[2]
    assert two.before[0].media == batch[3].media and two.before[1].media == batch[0].media
    said = one.before[0].turns[0]
    encode, decode = parts.tokenizer.encode, parts.tokenizer.decode
    told = decode(said.answer)
    assert told in ("red", "blue") and training.places.seen not in said.answer
    # Without the media, what is read is what the template writes around question, answer and the next question.
    written = parts.tokenizer.prompt([("user", [0, 1]), ("assistant", [2]), ("user", [3])])
    spelled = {1: encode("colour?"), 2: encode(told)}
    expected = [t for p in written[:-2] for t in (p if isinstance(p, list) else spelled.get(p.index, []))]
    assert [t for p in one.prefix if isinstance(p, list) for t in p] == expected
