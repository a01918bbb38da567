"""BLIP-2's stage 1: with texts of its own the Q-Former learns what to ask (Li et al. 2023, section 3.2, figure 2).

    contrastive   queries | words     neither sees the other; the nearest query of a picture is compared with the text
    matching      queries + words     all see all; true pairs against the hardest wrong ones of the batch
    generation    queries > words     queries see queries; a word sees the queries and the words before it

The paper starts from BERT and its vocabulary; here the words are the frozen language model's, each embedding through
a linear layer in, and out again to its head. A text is a turn's question and answer, since most answers alone (a
number, a place) match many pictures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from trenza.bridges.qformer import QFormer, QFormerConfig
from trenza.layers import masks
from trenza.systems.decoding import around, check_kinds
from trenza.systems.examples import Example
from trenza.towers.language import LanguageModel

SHARED_WIDTH = 256  # of the space where pictures and texts are compared
CLS, DEC = 0, 1  # the words' first token: read a text, or write one


@dataclass(frozen=True)
class Stage1Config:
    qformer: QFormerConfig


@dataclass(frozen=True)
class Texts:
    """Padded texts: tokens [B, T], their lengths [B], and where answers begin [B]."""

    tokens: Tensor
    lengths: Tensor
    answers: Tensor

    def take(self, rows: Tensor) -> "Texts":
        return Texts(self.tokens[rows], self.lengths[rows], self.answers[rows])


class Blip2Stage1(nn.Module):
    """A `System`, which answers by grounded generation; what stage 2 takes over is `qformer`."""

    def __init__(self, config: Stage1Config, language: LanguageModel | None = None):
        super().__init__()
        self.config = config
        self.language, self.places = around(None, language)
        self.qformer = QFormer(config.qformer)
        width, words = config.qformer.width, self.language.config.block.width
        self.read = nn.Linear(words, width)
        self.write = nn.Linear(width, words)
        self.first = nn.Parameter(torch.randn(2, width) * 0.02)  # CLS, DEC
        self.picture = nn.Linear(width, SHARED_WIDTH)
        self.text = nn.Linear(width, SHARED_WIDTH)
        self.scale = nn.Parameter(torch.tensor(0.07).log().neg())
        self.match = nn.Linear(width, 2)

    def trained(self) -> dict[str, nn.Parameter]:
        return {name: p for name, p in self.named_parameters() if p.requires_grad}

    # --- what goes in -----------------------------------------------------------------------------

    def features(self, examples: Sequence[Example]) -> tuple[Tensor, Tensor]:
        """All media of each example, [B, S, W], and where they aren't padding [B, 1, 1, S]."""
        check_kinds([m for e in examples for m in e.media], self.config.qformer.inputs.features, "BLIP-2")
        dtype = self.read.weight.dtype
        rows = [
            torch.cat([self.qformer.inputs(m.features[None].to(dtype), m.kind)[0] for m in e.media]) for e in examples
        ]
        lengths = torch.tensor([len(row) for row in rows])
        return pad_sequence(rows, batch_first=True), masks.padded(lengths, int(lengths.max()))

    def texts(self, pairs: Sequence[tuple[list[int], list[int]]]) -> Texts:
        """Questions and answers as texts; what is too long loses the beginning of its question."""
        most = self.config.qformer.words - 1
        answers = [answer[:most] for _, answer in pairs]
        questions = [q[len(q) - min(len(q), most - len(a)) :] for (q, _), a in zip(pairs, answers, strict=True)]
        rows = [torch.tensor([*q, *a]) for q, a in zip(questions, answers, strict=True)]
        lengths, starts = ([len(x) for x in some] for some in (rows, questions))
        return Texts(pad_sequence(rows, batch_first=True), torch.tensor(lengths), torch.tensor(starts))

    def words(self, texts: Texts, first: int) -> Tensor:
        """Texts behind their first token, [B, 1 + T, D]."""
        read = self.read(self.language.embed(texts.tokens).to(self.read.weight.dtype))
        return torch.cat([self.first[first].expand(len(read), 1, -1), read], 1)

    # --- the three masks --------------------------------------------------------------------------

    def alone(self, texts: Texts) -> Tensor:
        """Contrastive: words see all words of their text, [B, 1, 1, 1 + T]. Queries stand in a pass of their own."""
        return masks.padded(texts.lengths + 1, texts.tokens.shape[1] + 1)

    def together(self, texts: Texts) -> Tensor:
        """Matching: all see all, [B, 1, 1, Q + 1 + T]."""
        return F.pad(self.alone(texts), (self.config.qformer.queries, 0), value=True)

    def causal(self, texts: Texts) -> Tensor:
        """Generation, [B, 1, Q + 1 + T, Q + 1 + T]."""
        queries, size = self.config.qformer.queries, self.config.qformer.queries + 1 + texts.tokens.shape[1]
        among_queries = torch.arange(size) < queries
        return (masks.causal(size) | (among_queries[:, None] & among_queries)) & self.together(texts)

    # --- the three objectives ---------------------------------------------------------------------

    def loss(self, examples: Sequence[Example]) -> tuple[Tensor, int]:
        """Sum over the examples of the three losses, each a mean in nats, and the number of examples.

        One turn of each example is drawn, and wrong partners; the batch itself is the seed, so that a training that
        goes on draws what it would have drawn. An example without media teaches nothing here.
        """
        shown = [example for example in examples if example.media]
        if not shown:
            return self.scale * 0, 1
        rng = torch.Generator().manual_seed(sum(sum(t.question) + 7 * sum(t.answer) for e in shown for t in e.turns))
        turns = [e.turns[int(torch.randint(len(e.turns), (), generator=rng))] for e in shown]
        texts = self.texts([(turn.question, turn.answer) for turn in turns])
        features, seen = self.features(shown)
        similarity = self.similarity(features, seen, texts)
        # The same words about another picture aren't wrong about it.
        same = (texts.tokens[:, None] == texts.tokens[None]).all(-1)
        total = contrastive(similarity, same)
        total = total + self.matching(features, seen, texts, similarity.detach(), same, rng)
        return (total + self.generation(features, seen, texts).mean()) * len(shown), len(shown)

    def similarity(self, features: Tensor, seen: Tensor, texts: Texts) -> Tensor:
        """Of each picture and each text, [B, B]: the nearest query decides."""
        asked = F.normalize(self.picture(self.qformer(features, seen=seen)), dim=-1)  # [B, Q, E]
        read = self.qformer(None, self.words(texts, CLS), self.alone(texts))[:, 0]
        near = torch.einsum("iqe,je->ijq", asked, F.normalize(self.text(read), dim=-1)).amax(-1)
        return near * self.scale.exp().clamp(max=100)

    def matched(self, features: Tensor, seen: Tensor, texts: Texts) -> Tensor:
        """Do these pictures and texts belong together: logits [B, 2] of no and yes, the mean of all queries'."""
        states = self.qformer(features, self.words(texts, CLS), self.together(texts), seen)
        return self.match(states[:, : self.config.qformer.queries]).mean(1)

    def matching(
        self, features: Tensor, seen: Tensor, texts: Texts, similarity: Tensor, same: Tensor, rng: torch.Generator
    ) -> Tensor:  # fmt: skip
        """True pairs, and for each picture and each text a wrong partner, drawn more often the nearer it is."""
        rows = (~same).any(1).nonzero()[:, 0]  # a text that all pictures share has no wrong partner
        near = similarity.masked_fill(same, -torch.inf)
        count = len(same)
        picture, text, label = [torch.arange(count)], [torch.arange(count)], [torch.ones(count, dtype=torch.long)]
        if len(rows):
            pick = partial(torch.multinomial, num_samples=1, generator=rng)
            picture += [rows, pick(near.T[rows].softmax(-1))[:, 0]]
            text += [pick(near[rows].softmax(-1))[:, 0], rows]
            label.append(torch.zeros(2 * len(rows), dtype=torch.long))
        shown, told = torch.cat(picture), torch.cat(text)
        return F.cross_entropy(self.matched(features[shown], seen[shown], texts.take(told)), torch.cat(label))

    def generation(self, features: Tensor, seen: Tensor, texts: Texts) -> Tensor:
        """-log p of the answers' tokens, [tokens] in the texts' order."""
        states = self.qformer(features, self.words(texts, DEC), self.causal(texts), seen)
        place = torch.arange(texts.tokens.shape[1])
        asked = (place >= texts.answers[:, None]) & (place < texts.lengths[:, None])  # [B, T]
        foretelling = states[:, self.config.qformer.queries : -1][asked]  # of a token: the state before it
        return F.cross_entropy(self._logits(foretelling), texts.tokens[asked], reduction="none")

    def _logits(self, states: Tensor) -> Tensor:
        return self.language.logits(self.write(states).to(self.language.embedding.weight.dtype)).float()

    # --- answers ----------------------------------------------------------------------------------

    @torch.no_grad()
    def score(self, example: Example, candidates: Sequence[Sequence[int]]) -> Tensor:
        """See `System`; a candidate past the Q-Former's words is scored by its beginning."""
        (turn,) = example.turns
        texts = self.texts([(turn.question, list(candidate)) for candidate in candidates])
        features, seen = (x.expand(len(candidates), *x.shape[1:]) for x in self.features([example]))
        lost = self.generation(features, seen, texts)
        return -torch.stack([part.sum() for part in lost.split((texts.lengths - texts.answers).tolist())])

    @torch.no_grad()
    def generate(self, example: Example, end: int, most: int) -> list[int]:
        """See `System`."""
        (turn,) = example.turns
        features, seen = self.features([example])
        answer: list[int] = []
        while len(answer) < min(most, self.config.qformer.words - 1):
            texts = self.texts([(turn.question, answer)])
            states = self.qformer(features, self.words(texts, DEC), self.causal(texts), seen)
            token = int(self._logits(states[0, -1]).argmax())
            if token == end:
                break
            answer.append(token)
        return answer


def contrastive(similarity: Tensor, same: Tensor) -> Tensor:
    """InfoNCE both ways over [B, B]; pairs that are the `same` but not each other's are left out."""
    fair = similarity.masked_fill(same & ~torch.eye(len(same), dtype=torch.bool), -torch.inf)
    own = torch.arange(len(same))
    return (F.cross_entropy(fair, own) + F.cross_entropy(fair.T, own)) / 2
