"""Public checkpoints that can't be taken: one error that names file, tensor and what is covered, nothing written."""

import json
import pickle
import shutil

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from trenza.checkpoints import public
from trenza.cli.main import main

TOWER = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2}
TENSOR = "text_model.encoder.layers.0.mlp.fc1.weight"


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoint") / "theirs"
    config = transformers.CLIPConfig(
        text_config={**TOWER, "vocab_size": 20, "max_position_embeddings": 6, "bos_token_id": 18, "eos_token_id": 19},
        vision_config={**TOWER, "image_size": 16, "patch_size": 8}, projection_dim=8,
    )  # fmt: skip
    transformers.CLIPModel(config).save_pretrained(folder)
    return folder


@pytest.fixture
def theirs(good, tmp_path):
    return shutil.copytree(good, tmp_path / "theirs")


def edit_config(folder, **changes):
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def edit_weights(folder, change):
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors")


def other_class(folder):
    edit_config(folder, architectures=["BertModel"])


def no_class(folder):
    edit_config(folder, architectures=None)


def missing_tensor(folder):
    edit_weights(folder, lambda w: w.pop(TENSOR))


def extra_tensor(folder):
    edit_weights(folder, lambda w: w.update({"text_model.adapter.weight": torch.ones(1)}))


def extra_layer(folder):
    edit_weights(folder, lambda w: w.update({TENSOR.replace("0", "7"): torch.ones(24, 16)}))


def wrong_shape(folder):
    edit_weights(folder, lambda w: w.update({TENSOR: torch.ones(24, 17)}))


def only_a_pickle(folder):
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({}))


def disguised_pickle(folder):
    torch.save({"a": torch.ones(1)}, folder / "model.safetensors")


def cut_short(folder):
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])


def no_weights(folder):
    (folder / "model.safetensors").unlink()


def large_tokenizer(folder):
    from tokenizers import Tokenizer, models

    Tokenizer(models.WordLevel({"a": 0, "boat": 20}, "a")).save(str(folder / "tokenizer.json"))


def large_vocabulary(folder):
    (folder / "vocab.json").write_text(json.dumps({"a": 0, "boat": 25}))


def broken_config(folder):
    (folder / "config.json").write_text("{")


def strange_activation(folder):
    text = json.loads((folder / "config.json").read_text())["text_config"]
    edit_config(folder, text_config=text | {"hidden_act": "sine"})


def index_that_points_away(folder):
    (folder / "model.safetensors").rename(folder.parent / "elsewhere.safetensors")
    index = {"weight_map": {TENSOR: "../elsewhere.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def index_without_its_shard(folder):
    (folder / "model.safetensors").unlink()
    index = {"weight_map": {TENSOR: "model-00001-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


CASES = {
    other_class: ("config.json", "BertModel", ", CLIPModel, "), no_class: ("config.json", "CLIPModel"),
    missing_tensor: ("model.safetensors", TENSOR, "missing", ", CLIPModel, "),
    extra_tensor: ("model.safetensors", "text_model.adapter.weight", ", CLIPModel, "),
    extra_layer: ("model.safetensors", "layers.7.mlp.fc1.weight", ", CLIPModel, "),
    wrong_shape: ("model.safetensors", TENSOR, "[24, 17]", "[24, 16]"),
    only_a_pickle: ("pytorch_model.bin", "pickle", "save_pretrained"),
    disguised_pickle: ("model.safetensors", "pickle"), cut_short: ("model.safetensors", "damaged"),
    no_weights: ("model.safetensors", "missing"),
    large_tokenizer: ("tokenizer.json", "'boat'", "20 rows"), large_vocabulary: ("vocab.json", "'boat'", "20 rows"),
    broken_config: ("config.json", "JSON"), strange_activation: ("sine", "quick_gelu"),
    index_that_points_away: ("index.json", TENSOR, "elsewhere"),
    index_without_its_shard: ("model-00001-of-00002.safetensors", "missing"),
}  # fmt: skip


@pytest.mark.parametrize("spoil", CASES, ids=lambda f: f.__name__)
def test_one_error_that_names_what_is_wrong(spoil, theirs, tmp_path, capsys):
    spoil(theirs)
    out = tmp_path / "made" / "ours"
    assert main(["import", str(theirs), "--out", str(out)]) == 4
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and str(theirs) in said
    for words in CASES[spoil]:
        assert words in said
    assert not out.parent.exists()


def test_sharded_checkpoints_and_companions_travel(theirs, tmp_path, capsys):
    model = transformers.CLIPModel.from_pretrained(theirs)
    sharded = tmp_path / "sharded"
    model.save_pretrained(sharded, max_shard_size="5kB")
    assert len(list(sharded.glob("*.safetensors"))) > 1
    (sharded / "vocab.json").write_text('{"a": 0}')
    (sharded / "preprocessor_config.json").write_text('{"size": 16}')
    (sharded / "run.py").write_text("print()")
    ours, back = tmp_path / "ours", tmp_path / "back"
    assert main(["import", str(sharded), "--out", str(ours)]) == 0
    assert main(["export", str(ours), "--to", "transformers", "--out", str(back)]) == 0
    assert "clip as CLIPModel" in capsys.readouterr().out
    for file in (ours, back):
        assert (file / "vocab.json").read_text() == '{"a": 0}'
        assert (file / "preprocessor_config.json").read_text() == '{"size": 16}'
        assert not (file / "run.py").exists()
    expected, weights = load_file(theirs / "model.safetensors"), load_file(back / "model.safetensors")
    assert expected.keys() == weights.keys()
    assert all(torch.equal(weights[name], tensor) for name, tensor in expected.items())


def test_nothing_that_exists_is_overwritten(theirs, tmp_path, capsys):
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "letter.txt").write_text("dear")
    assert main(["import", str(theirs), "--out", str(kept)]) == 2
    assert "letter" not in capsys.readouterr().out and (kept / "letter.txt").read_text() == "dear"


def spoilt(folder, change):
    file = folder / "config.json"
    config = json.loads(file.read_text())
    change(config)
    file.write_text(json.dumps(config))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda c: c.update(system="llama"), ("'llama'", "clip (as CLIPModel)")),
        (lambda c: c.pop("width"), ("config.width is missing",)),
        (lambda c: c["text"].update(layers="two"), ("config.text.layers", "'two'")),
        (lambda c: c["text"]["block"].update(hats=1), ("config.text.block.hats",)),
        (lambda c: c.update(width=9), ("project.weight", "[8, 16]", "[9, 16]")),
    ],
)
def test_a_folder_of_ours_that_is_wrong_is_not_exported(change, says, theirs, tmp_path, capsys):
    ours, out = tmp_path / "ours", tmp_path / "out"
    public.import_folder(theirs, ours)
    spoilt(ours, change)
    assert main(["export", str(ours), "--to", "transformers", "--out", str(out)]) == 4
    said = capsys.readouterr().err
    assert str(ours) in said and all(words in said for words in says)
    assert not out.exists()
