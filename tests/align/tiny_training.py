"""A training with everything of the real one but its size: `python tiny_training.py RECIPE [key=value ...]`."""

import json
import sys
import tempfile
from pathlib import Path

import torch
from tokenizers import Tokenizer as Fast
from tokenizers import decoders, models, pre_tokenizers
from torch.distributed.tensor import DTensor

from trenza.align import recipe as recipes
from trenza.align.assemble import Parts
from trenza.align.trainer import Trainer
from trenza.bridges.native import Codec, CodecConfig
from trenza.checkpoints.tokenizer import Tokenizer
from trenza.layers.block import BlockConfig
from trenza.systems.codecs import Codecs
from trenza.systems.sensing import Grids
from trenza.towers.efficientnet import EfficientNet, EfficientNetConfig
from trenza.towers.language import LanguageConfig, LanguageModel
from trenza.towers.whisper import Whisper, WhisperConfig

CHAT = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def tokenizer() -> Tokenizer:
    """A token a byte."""
    made = Fast(models.BPE({c: i for i, c in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}, []))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens(["<|im_start|>", "<|im_end|>", "<|endoftext|>"])
    with tempfile.TemporaryDirectory() as folder:
        made.save(f"{folder}/tokenizer.json")
        Path(folder, "chat_template.jinja").write_text(CHAT)
        Path(folder, "tokenizer_config.json").write_text(json.dumps({}))
        return Tokenizer(Path(folder))


def parts() -> Parts:
    torch.manual_seed(0)
    block = BlockConfig(
        32, 2, 64, kv_heads=1, head_width=16, bias="", norm="rms", eps=1e-5, activation="silu", gated=True
    )
    language = LanguageModel(LanguageConfig(259, 2, block, 10_000.0, tied=True))
    for parameter in language.parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.2)
    eyes = EfficientNet(EfficientNetConfig(0.25, 0.3)).eval()
    ears = Whisper(WhisperConfig(32, 2, 64, 1, 1)).eval()
    return Parts(language.eval(), tokenizer(), Grids(eyes, ears), codecs=codecs)


def codecs() -> Codecs:
    torch.manual_seed(0)
    made = {"image": CodecConfig(2, 3, (8, 8, 8), (3, 4)), "audio": CodecConfig(1, 80, (8, 8), (3, 4))}
    return Codecs({kind: Codec(config) for kind, config in made.items()}).eval().requires_grad_(False)


def main() -> None:
    torch.set_num_threads(1)  # sums in one order, whatever the machine
    trainer = Trainer(recipes.load(Path(sys.argv[1]), sys.argv[2:]), parts())
    begun = trainer.done
    trainer.run()
    numbers = list(trainer.system.parameters())
    here = sum((p.to_local() if isinstance(p, DTensor) else p).numel() for p in numbers)
    print(f"holds {here / sum(p.numel() for p in numbers):.2f} of all numbers")
    print(f"from {begun}")


if __name__ == "__main__":
    main()
