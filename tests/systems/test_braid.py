"""The splice, held to transformers' LLaVA on the same weights."""

import torch

import peer
from trenza.systems.splice import splice
from trenza.towers.hearing import MOST_TOKENS, listen

IMAGE_TOKEN = 96


def prompts(count: int, media_tokens: int):
    """Random prompts with 1 to 3 pictures anywhere, as pieces with picture numbers for media."""
    rng = torch.Generator().manual_seed(7)

    def words() -> list[int]:
        size = int(torch.randint(0, 5, (), generator=rng))
        return torch.randint(3, 90, (size,), generator=rng).tolist()

    for _ in range(count):
        pictures = int(torch.randint(1, 4, (), generator=rng))
        pixels = torch.randint(0, 256, (pictures, 64, 64, 3), generator=rng, dtype=torch.uint8)
        yield pixels, [[5, *words()]] + [words() for _ in range(pictures - 1)] + [[*words(), 7]]


def test_greedy_answers_equal_transformers_llava_on_20_prompts(tiny):
    theirs = peer.build(tiny, IMAGE_TOKEN)
    media_tokens = 3 + 2 * 2
    different = set()
    for pixels, texts in prompts(20, media_tokens):
        media = [tiny.braid.picture_tokens(f[None]) for f in tiny.braid.picture_features(pixels)]
        pieces, ids = [texts[0]], list(texts[0])
        for tokens, text in zip(media, texts[1:], strict=True):
            pieces += [tokens, text]
            ids += [IMAGE_TOKEN] * media_tokens + text
        language = tiny.language
        cache = language.new_cache(1, len(ids) + 12)
        hidden = language(splice(language.embedding, pieces)[None], cache)
        got = []
        for _ in range(12):
            token = int(language.logits(hidden[0, -1]).argmax())
            got.append(token)
            if token == 2:
                break
            hidden = language(language.embedding(torch.tensor([[token]])), cache)
        with torch.no_grad():
            expected = theirs.generate(
                input_ids=torch.tensor([ids]), pixel_values=pixels, max_new_tokens=12, do_sample=False
            )
        assert got == expected[0, len(ids) :].tolist()
        different.add(tuple(got))
    assert len(different) > 10  # the answers depend on the prompts, or equality would say nothing


def test_splice_keeps_the_order_of_words_and_media(tiny):
    embedding = tiny.language.embedding
    media = torch.arange(2 * 48.0).view(2, 48)
    got = splice(embedding, [[1, 2], media, [3], media[:1], []])
    assert got.shape == (6, 48)
    assert torch.equal(got[[0, 1, 4]], embedding(torch.tensor([1, 2, 3])))
    assert torch.equal(got[2:4], media)
    assert torch.equal(got[5], media[0])


def test_a_padded_batch_gives_each_row_what_it_gets_alone(tiny):
    rows = [[[4, 5, 6]], [[9], torch.ones(4, 48), [8, 7]]]
    together, lengths = tiny.hidden(rows)
    assert lengths.tolist() == [3, 7]
    for row, pieces in enumerate(rows):
        alone, _ = tiny.hidden([pieces])
        assert (together[row, : lengths[row]] - alone[0]).abs().max() < 1e-5


def test_the_listener_hears_no_padding(tiny):
    torch.manual_seed(1)
    windows = [torch.randn(150, 32) * 3, torch.randn(40, 32) * 3]
    together = listen(tiny.braid.listener, windows)
    for window, (states, said) in zip(windows, together, strict=True):
        [(alone, same)] = listen(tiny.braid.listener, [window])
        assert said == same and len(states) == len(said) <= MOST_TOKENS
        assert (states - alone).abs().max() < 1e-5


def test_what_is_heard_becomes_a_token_each(tiny):
    table = tiny.language.embedding.weight
    assert tiny.braid.sound_tokens(torch.randn(5, 32), table).shape == (5 + 2 * 2, 48)
    assert tiny.braid.sound_tokens(torch.zeros(0, 32), table).shape == (2 * 2, 48)  # nothing was said
