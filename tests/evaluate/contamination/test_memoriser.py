"""A transformer trained on the test until it knows it by heart is caught through the interface of any checkpoint; the
same transformer trained on siblings of the test is not.
"""

import pytest
import torch
import transformers
from language import COLOURS, WORDINGS, WORDS, made, rephrased
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

from trenza.evaluate.contamination import behavioural
from trenza.systems.hub import HubResponder

STEPS, BATCH, LENGTH = 250, 8, 64
GOES_ON = "{% for m in messages %}{{ m['content'] }} {% endfor %}"  # a base model: the answer follows what is asked


def tokenizer() -> transformers.PreTrainedTokenizerFast:
    """One token a word."""
    known = {w for wording in WORDINGS for w in wording.split()} | {w for some in WORDS.values() for w in some}
    names = ["<unk>", "<end>", "\n", *COLOURS, *sorted(known)]
    made = Tokenizer(models.WordLevel({name: i for i, name in enumerate(names)}, "<unk>"))
    split = pre_tokenizers.Split(Regex("\n| "), "isolated")
    made.pre_tokenizer = pre_tokenizers.Sequence([split, pre_tokenizers.Split(" ", "removed")])
    made.decoder = decoders.WordPiece("##", False)
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token="<end>", unk_token="<unk>", pad_token="<end>", chat_template=GOES_ON
    )


def trained(folder, items, seed: int) -> HubResponder:
    torch.manual_seed(seed)
    words = tokenizer()
    config = transformers.LlamaConfig(
        vocab_size=len(words), hidden_size=64, intermediate_size=192, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=4, max_position_embeddings=1024, eos_token_id=1, bos_token_id=None, pad_token_id=1,
    )  # fmt: skip
    model = transformers.LlamaForCausalLM(config)
    text = "".join(f"{item.question} {item.answer} \n " for item in items)
    ids = torch.tensor(words(text, add_special_tokens=False).input_ids)
    optimiser = torch.optim.AdamW(model.parameters(), 4e-3, weight_decay=0.0)
    for _ in range(STEPS):
        starts = torch.randint(0, len(ids) - LENGTH, (BATCH,))
        batch = torch.stack([ids[s : s + LENGTH] for s in starts])
        loss = model(input_ids=batch, labels=batch).loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    model.eval().save_pretrained(folder)
    words.save_pretrained(folder)
    return HubResponder(str(folder))


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_transformer_that_learned_the_test_by_heart_is_flagged_and_its_clean_twin_is_not(tmp_path):
    items, fresh, siblings = (made(seed, 48) for seed in (1, 2, 3))
    caught = behavioural(trained(tmp_path / "memoriser", items, 0), items, fresh=fresh, rephrase=rephrased)
    for finding in caught[:3]:  # a base model takes the options of a question for its end, and answers none
        assert finding.p < 0.01 and finding.flagged, finding
    clean = behavioural(trained(tmp_path / "clean", siblings, 0), items, fresh=fresh, rephrase=rephrased)
    assert not any(finding.flagged for finding in clean), clean
