"""What was heard almost right is taken for what is known; what is near to nothing, or surely heard, stays."""

from types import SimpleNamespace

import pytest
import torch

from trenza.towers import expected, whisper
from trenza.towers.expected import Expected, log_p
from trenza.towers.hearing import END, PROMPT

NAMES, CARRIERS = ("cow", "umbrella", "red car"), ("Where is the",)


class Letters:
    """A tokenizer of letters."""

    def encode(self, text: str, add_special_tokens: bool = True):
        return SimpleNamespace(ids=[ord(letter) for letter in text])

    def decode(self, tokens: list[int]) -> str:
        return "".join(map(chr, tokens))


@pytest.fixture
def hear(monkeypatch):
    """What is taken for what was written, where known texts are so many nats less likely."""

    def heard(written: str, behind: float, shown: tuple[str, ...] = ()) -> str:
        monkeypatch.setattr(expected, "log_p", lambda listener, features, texts: torch.tensor(
            [-1.0, *(-1.0 - behind - i for i, _ in enumerate(texts[1:]))]
        ))  # fmt: skip
        known = Expected(NAMES, CARRIERS, 3.0, Letters())
        return Letters().decode(known(None, torch.zeros(4, 8), Letters().encode(f" {written}").ids, shown)).strip()

    return heard


@pytest.mark.parametrize(
    ("written", "behind", "said"),
    [
        ("umbella", 2.0, "umbrella"), ("umbella", 4.0, "umbella"), ("Where is the caw", 1.0, "Where is the cow"),
        ("cow", 0.0, "cow"), ("red car", 0.0, "red car"), ("xylophone", 0.0, "xylophone"), ("", 0.0, ""),
    ],
)  # fmt: skip
def test_a_known_text_that_is_near_and_likely_is_what_was_said(hear, written, behind, said):
    assert hear(written, behind) == said


@pytest.mark.parametrize(
    ("written", "behind", "said"),
    [
        ("Where is the red car", 5.0, "Where is the ant"), ("Where is the red car", 7.0, "Where is the red car"),
        ("xylophone", 5.0, "ant"), ("Where is the", 5.0, "Where is the"),
        ("Where is the elk", 0.0, "Where is the elk"), ("", 0.0, ""),
    ],
)  # fmt: skip
def test_what_is_shown_is_likelier_to_be_said_than_what_else_is_known(hear, written, behind, said):
    assert hear(written, behind, shown=("ant", "elk")) == said


def test_scores_are_those_of_one_text_after_the_other():
    torch.manual_seed(0)
    listener = whisper.WhisperDecoder(whisper.WhisperConfig(32, 2, 64, 2, 1)).eval()
    for parameter in listener.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    features, texts = torch.randn(7, 32), [[5], [9, 4, 2], []]
    with torch.no_grad():
        for got, text in zip(log_p(listener, features, texts), texts, strict=True):
            said, total = [*PROMPT], 0.0
            for token in [*text, END]:
                logits = listener(torch.tensor([said]), features[None])[0, -1]
                total += float(logits.log_softmax(-1)[token])
                said.append(token)
            assert float(got) == pytest.approx(total, abs=1e-3)
