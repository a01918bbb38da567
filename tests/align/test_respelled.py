"""What detectors say may grow: a trained folder's tables follow, and what was learned stays."""

from dataclasses import replace

import pytest
import torch

from trenza.align import assemble
from trenza.align.recipe import DataSource, Recipe
from trenza.align.respelled import respell
from trenza.checkpoints.folder import load_folder
from trenza.errors import WeightsError


def test_new_names_are_spelled_and_what_was_learned_stays(tmp_path, tiny, lexicon):
    before = replace(tiny(), lexicon=lambda: lexicon)
    recipe = Recipe(
        system="llava", perceive="simulated", out=tmp_path, rank=2, data=[DataSource(path=tmp_path)], steps=1, batch=1
    )
    torch.manual_seed(3)
    trained = assemble.llava(recipe, before)
    for parameter in trained.trained().values():
        torch.nn.init.normal_(parameter)
    assemble.save(trained, "llava", tmp_path / "model")
    more = replace(lexicon, names=[*lexicon.names, ("teapot", "tetera")])
    respell(tmp_path / "model", tmp_path / "out", replace(tiny(), lexicon=lambda: more))

    config, weights = load_folder(tmp_path / "out")
    _, old = load_folder(tmp_path / "model")
    assert config["bridges"]["image"]["names"] == len(more.names)
    spelling = weights["bridges.image.names.spelling"]
    encode = before.tokenizer.encode
    assert spelling[1, -1][: len(encode("tetera"))].tolist() == encode("tetera")
    assert torch.equal(spelling[:, :-1], old["bridges.image.names.spelling"])
    assert (
        all(torch.equal(weights[n], t) for n, t in old.items() if t.is_floating_point())
        and weights.keys() == old.keys()
    )


def test_a_model_that_sees_grids_is_refused(tmp_path, tiny):
    recipe = Recipe(system="llava", out=tmp_path, data=[DataSource(path=tmp_path)], steps=1, batch=1)
    assemble.save(assemble.llava(recipe, tiny()), "llava", tmp_path / "model")
    with pytest.raises(WeightsError, match="no system that detectors tell"):
        respell(tmp_path / "model", tmp_path / "out", tiny())
