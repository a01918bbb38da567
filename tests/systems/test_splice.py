"""Words and media in one sequence, in the order in which they stand."""

import torch

from trenza.systems.splice import splice


def test_splice_keeps_the_order_of_words_and_media(tiny):
    embedding = tiny.embedding
    media = torch.arange(2 * 48.0).view(2, 48)
    got = splice(embedding, [[1, 2], media, [3], media[:1], []])
    assert got.shape == (6, 48)
    assert torch.equal(got[[0, 1, 4]], embedding(torch.tensor([1, 2, 3])))
    assert torch.equal(got[2:4], media)
    assert torch.equal(got[5], media[0])
