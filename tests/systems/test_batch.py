"""Many at once is the same as one by one, to rounding."""

from dataclasses import replace

import pytest
import torch

from trenza.systems import batch
from trenza.systems.splice import splice
from trenza.towers.language import LanguageModel


@pytest.fixture(scope="module", params=[None, 6], ids=["causal", "window"])
def language(request, tiny):
    made = LanguageModel(replace(tiny.config, window=request.param))
    made.load_state_dict(tiny.state_dict())
    return made.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def prompts(tiny):
    """Prompts of several lengths that share words, a medium, or nothing."""
    rng = torch.Generator().manual_seed(1)
    cat, dog = (torch.randn(4, 48, generator=rng) for _ in range(2))
    begin = [5, 9, 11]
    return [
        [begin, cat, [3, 4]], [begin, cat, [3, 4, 8, 8]], [begin, dog, [3, 4]], [begin, cat, [7]], [[1, 2]],
        [begin, cat, dog, [3, 4, 5]], [begin, cat, [3, 4]],
    ]  # fmt: skip


def alone(language, pieces, answer):
    x = splice(language.embedding, [*pieces, list(answer)])[None]
    hidden = language(x)[0]
    log_p = language.logits(hidden[-len(answer) - 1 : -1]).log_softmax(-1)
    return float(log_p.gather(1, torch.tensor(answer)[:, None]).sum())


@pytest.mark.parametrize("size", [8, 768])
def test_scores_in_trees_equal_those_of_each_row_alone(language, prompts, size, monkeypatch):
    monkeypatch.setattr(batch, "TREE_TOKENS", size)
    answers = [[[3, 2], [3, 6, 2], [9, 2]], [[3, 2]], [[3, 2], [4, 4, 4, 2]], [[1, 2]], [[3, 2]], [[8, 2]], [[3, 2]]]
    found = batch.log_likelihoods(language, prompts, answers)
    for row, prompt, some in zip(found, prompts, answers, strict=True):
        assert row == pytest.approx([alone(language, prompt, a) for a in some], abs=1e-4)


def test_a_common_prefix_stands_once(tiny, prompts):
    tree, numbers = batch._Tree(), {}
    for prompt in prompts:
        tree.add(*batch._flat(prompt, numbers))
    # Words 3 and cat 4, then 2 + 2 more, dog 4 + 2, the lone 7, 2 of the short one, dog and 3 behind the cat.
    assert len(tree.parents) == 3 + 4 + 4 + 6 + 1 + 2 + 7


@pytest.mark.parametrize("rows", [3, 16])
def test_greedy_answers_equal_those_of_each_prompt_alone(language, prompts, rows, monkeypatch):
    monkeypatch.setattr(batch, "ROWS", rows)
    rooms = [6, 3, 9, 1, 12, 5, 6]
    found = batch.greedy(language, prompts, 2, rooms)
    for tokens, pieces, room in zip(found, prompts, rooms, strict=True):
        expected = []
        while len(expected) < room:
            x = splice(language.embedding, [*pieces, expected] if expected else pieces)[None]
            token = int(language.logits(language(x)[0, -1]).argmax())
            if token == 2:
                break
            expected.append(token)
        assert tokens == expected


def test_what_prompts_share_is_run_once(language, monkeypatch):
    medium = torch.randn(10, 48, generator=torch.Generator().manual_seed(2))
    prompts = [[[5, 9], medium, [3, n]] for n in range(4)] + [[[7] * 9]]
    run: list[int] = []
    forward = LanguageModel.forward
    monkeypatch.setattr(
        LanguageModel, "forward", lambda self, x, *a, **k: run.append(x.shape[1]) or forward(self, x, *a, **k)
    )
    batch.greedy(language, prompts, 2, [1] * 5)
    assert run == [2 + 10 + 1 + 4, 9]
