"""What a space of unit vectors is good for: naming without training, finding in all directions, a linear probe.

Radford et al. 2021: section 3.1.2 and 3.1.4 (zero-shot, prompt ensembles), section 3.2 (linear probe).
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import permutations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Ways to say that a picture shows a thing; the vectors of all are averaged.
PICTURE_PROMPTS = ("{}", "a picture of {}.", "a photo of a {}.", "a drawing of a {}.", "a {} on a white ground.")


@torch.no_grad()
def classifier(
    embed_texts: Callable[[list[str]], Tensor], names: Sequence[str], prompts: Sequence[str] = PICTURE_PROMPTS
) -> Tensor:
    """A vector a name [names, D]: the mean of its prompts' unit vectors, of unit length again.

    embed_texts: texts to unit vectors. prompts: each with {} where the name goes.
    """
    vectors = embed_texts([prompt.format(name) for name in names for prompt in prompts])
    return F.normalize(vectors.view(len(names), len(prompts), -1).mean(1), dim=-1)


def ranks(queries: Tensor, items: Tensor, right: Tensor, chunk: int = 1024) -> Tensor:
    """How many items stand before the first right one for each query, [Q].

    queries [Q, D] and items [N, D]: unit vectors. right [Q, N]: True for what a query should find; a query with
    nothing right gets N.
    """
    found = []
    for some, wanted in zip(queries.split(chunk), right.split(chunk), strict=True):
        similarity = some @ items.T  # [chunk, N]
        best = similarity.masked_fill(~wanted, -torch.inf).amax(1)
        # Ties count against us: a space in which everything is the same finds nothing.
        before = ((similarity >= best[:, None]) & ~wanted).sum(1)
        found.append(torch.where(wanted.any(1), before, len(items)))
    return torch.cat(found)


def recall_all_ways(embeddings: Mapping[str, Tensor], cut_offs: Sequence[int] = (1, 5)) -> dict[str, list[float]]:
    """Recall at each cut-off for each ordered pair of kinds, as "text to image".

    embeddings: unit vectors [N, D] of each kind; row n of every kind belongs to thing n.
    """
    found = {}
    for asked, sought in permutations(embeddings, 2):
        own = torch.eye(len(embeddings[asked]), dtype=torch.bool)
        rank = ranks(embeddings[asked], embeddings[sought], own)
        found[f"{asked} to {sought}"] = [float((rank < k).float().mean()) for k in cut_offs]
    return found


def linear_probe(features: Tensor, labels: Tensor, decay: float = 1e-3, steps: int = 200) -> nn.Linear:
    """Logistic regression of labels [N] (numbers from 0) on features [N, D], by L-BFGS. decay: of squared weights."""
    probe = nn.Linear(features.shape[1], int(labels.max()) + 1)
    nn.init.zeros_(probe.weight)
    nn.init.zeros_(probe.bias)
    optimiser = torch.optim.LBFGS(probe.parameters(), max_iter=steps, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        value = F.cross_entropy(probe(features), labels) + decay * probe.weight.square().sum()
        value.backward()
        return value

    with torch.enable_grad():
        optimiser.step(loss)
    return probe.requires_grad_(False)
