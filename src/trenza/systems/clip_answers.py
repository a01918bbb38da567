"""CLIP on the bench: media in one tower, a question with its answer in the other, near each other where they fit.

    media    -> grids -> blocks -> attention pooling -------------------+
    question -> states of the language model's lowest layers -> |       +-- cosine x temperature
    answer   -> the same, apart                              -> | head -+

It compares and can't write: a classifier made of texts (Radford et al. 2021, section 3.1.1), whose classes are the
answers that its training data gives most often. Beside CLIP's loss over a batch it learns which of these answers a
question has, since other answers to the same question are the negatives that a batch of pictures lacks (Yuksekgonul
et al. 2023, section 5). Of a conversation it reads the words behind the media, as one question.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from trenza.bridges.inputs import Inputs, InputsConfig
from trenza.errors import UsageError, WeightsError
from trenza.layers import masks
from trenza.layers.block import Block, BlockConfig
from trenza.systems.blip2_stage1 import contrastive
from trenza.systems.clip import Space
from trenza.systems.decoding import check_kinds
from trenza.systems.examples import Example, Medium
from trenza.systems.space import word_states
from trenza.towers.language import LanguageModel
from trenza.towers.vit import AttentionPool

MEDIA = 8  # that are told apart by their order
NOTHING = -1  # stands behind the last token of a kept answer


@dataclass(frozen=True)
class ClipAnswersConfig:
    """width: of the space. layers: whose input states texts are read from. kept: answers, of at most `tokens` each."""

    inputs: InputsConfig
    heads: int
    blocks: int = 2
    width: int = 256
    hidden: int = 512
    layers: tuple[int, ...] = (0, 6)
    kept: int = 128
    tokens: int = 12


class Pooled(nn.Module):
    """The tower of media."""

    def __init__(self, config: ClipAnswersConfig):
        super().__init__()
        inner = config.inputs.width
        block = BlockConfig(inner, config.heads, 4 * inner)
        self.inputs = Inputs(config.inputs)
        self.order = nn.Parameter(torch.randn(MEDIA, inner) * 0.02)  # the first picture or the second
        self.blocks = nn.ModuleList(Block(block) for _ in range(config.blocks))
        self.pool = AttentionPool(block)
        self.project = nn.Linear(inner, config.width, bias=False)

    def forward(self, media: Sequence[Sequence[Medium]]) -> Tensor:
        """All media of each of B conversations to [B, width]."""
        rows = [torch.cat([self._row(number, m) for number, m in enumerate(own)]) for own in media]
        lengths = torch.tensor([len(row) for row in rows])
        x, seen = pad_sequence(rows, batch_first=True), masks.padded(lengths, int(lengths.max()))
        for block in self.blocks:
            x = block(x, seen)
        return self.project(self.pool(x, seen))

    def _row(self, number: int, medium: Medium) -> Tensor:
        return self.inputs(medium.features[None].float(), medium.kind)[0] + self.order[min(number, MEDIA - 1)]


class Joined(nn.Module):
    """The tower of texts, above the frozen language model: questions and answers meet in its one hidden layer."""

    def __init__(self, config: ClipAnswersConfig, language: int):
        super().__init__()
        states = language * len(config.layers)
        self.question = nn.Linear(states, config.hidden)
        self.answer = nn.Linear(states, config.hidden, bias=False)
        self.project = nn.Linear(config.hidden, config.width)

    def forward(self, questions: Tensor, answers: Tensor) -> Tensor:
        """States [..., S], broadcast against each other, to [..., width]."""
        return self.project(F.gelu(self.question(questions) + self.answer(answers)))


class ClipAnswers(Space):
    """A `System`. `answers`: tokens [kept, tokens] of those that it can give, `NOTHING` behind each; see `keep`."""

    answers: Tensor

    def __init__(self, config: ClipAnswersConfig, language: LanguageModel | None = None):
        if language is None:
            raise WeightsError("it has no language model inside: it was trained on the pinned one's states")
        super().__init__({"media": Pooled(config), "text": Joined(config, language.config.block.width)})
        language.blocks = language.blocks[: max(config.layers) + 1]  # those above are never run
        self.config, self.language = config, language.requires_grad_(False)
        self.register_buffer("answers", torch.full((config.kept, config.tokens), NOTHING))
        self._kept_states: tuple[Tensor, Tensor] | None = None  # the answers that they are of, and their states

    def trained(self) -> dict[str, nn.Parameter]:
        return {name: p for name, p in self.named_parameters() if p.requires_grad}

    def keep(self, answers: Sequence[Sequence[int]]) -> None:
        """The first of these answers, their end included, are what it can say; longer ones it can't."""
        fit = [torch.tensor(list(a)) for a in answers if len(a) <= self.config.tokens][: self.config.kept]
        self.answers.fill_(NOTHING)
        for row, answer in zip(self.answers, fit, strict=False):
            row[: len(answer)] = answer

    @property
    def said(self) -> list[list[int]]:
        """The kept answers."""
        return [own for row in self.answers.tolist() if (own := [token for token in row if token != NOTHING])]

    def kept_states(self) -> Tensor:
        """States of the kept answers [kept, S], read once. Raises UsageError where none is kept."""
        if not (said := self.said):
            raise UsageError(
                f"this CLIP model keeps no answer: it answers with what its data says in {self.config.tokens} tokens "
                "or fewer; train it on data with short answers"
            )
        if self._kept_states is None or not torch.equal(self._kept_states[0], self.answers):
            self._kept_states = (self.answers.clone(), self.read(said))
        return self._kept_states[1]

    # --- towers -----------------------------------------------------------------------------------

    def see(self, examples: Sequence[Example]) -> Tensor:
        """Unit vectors [B, width] of each example's media. Raises UsageError where there is nothing to compare."""
        for example in examples:
            check_kinds(example.media, self.config.inputs.features, "CLIP")
            if not example.media or example.before:
                raise UsageError(
                    "this CLIP model compares one question with the media before it; give media, and ask in a "
                    "conversation of one question"
                )
        return F.normalize(self.towers["media"]([e.media for e in examples]), dim=-1)

    def read(self, texts: Sequence[Sequence[int]]) -> Tensor:
        """Texts' states [N, layers * D], each layer's normed: they differ in size by orders of magnitude."""
        states = word_states(self.language, texts, self.config.layers)
        width = self.language.config.block.width
        return F.layer_norm(states.unflatten(1, (-1, width)), (width,)).flatten(1)

    def texts(self, questions: Tensor, answers: Tensor) -> Tensor:
        """States, broadcast against each other, to unit vectors."""
        return F.normalize(self.towers["text"](questions, answers), dim=-1)

    # --- a System ---------------------------------------------------------------------------------

    def loss(self, examples: Sequence[Example]) -> tuple[Tensor, int]:
        """Of each turn -log p of its answer among those kept, and of one turn of each example CLIP's loss; turns.

        The turn is drawn by the batch itself, so that a training that goes on draws what it would have drawn.
        """
        shown = [e for e in examples if e.media]
        turns = [(number, turn) for number, e in enumerate(shown) for turn in e.turns]
        if not turns:
            return self.scale * 0, 1
        of, kept = torch.tensor([number for number, _ in turns]), self.said
        seen = self.see(shown)
        questions, answers = self.read([t.question for _, t in turns]), self.read([t.answer for _, t in turns])
        own = self.texts(questions, answers)  # [N, E]
        others = self.texts(questions[:, None], self.kept_states()[None])  # [N, K, E]
        near = self.temperature * torch.einsum("ne,nke->nk", seen[of], others)
        same = torch.tensor([[turn.answer == answer for answer in kept] for _, turn in turns])
        true = self.temperature * (seen[of] * own).sum(-1, keepdim=True)
        logits = torch.cat([true, near.masked_fill(same, -torch.inf)], 1)
        asked = F.cross_entropy(logits, torch.zeros(len(turns), dtype=torch.long), reduction="sum")
        rng = torch.Generator().manual_seed(sum(sum(t.question) + 7 * sum(t.answer) for _, t in turns))
        some = torch.stack([(of == n).nonzero()[:, 0][_drawn(int((of == n).sum()), rng)] for n in range(len(shown))])
        said = [(turns[i][1].question, turns[i][1].answer) for i in some.tolist()]
        # The same words about another picture aren't wrong about it.
        alike = torch.tensor([[one == other for other in said] for one in said])
        return asked + contrastive(self.similarity(seen, own[some]), alike) * len(turns), len(turns)

    @torch.no_grad()
    def score(self, example: Example, candidates: Sequence[Sequence[int]]) -> Tensor:
        """See `System`: log p among the kept answers and, for a candidate that isn't one of them, itself.

        A candidate counts as the whole answer, with its end or without.
        """
        kept = self.said
        end = kept[0][-1:] if kept else []
        whole = [[*c] if [*c][-1:] == end else [*c, *end] for c in candidates]
        seen, question, usual = self._near(example)
        own = self.similarity(seen, self.texts(question, self.read(whole)))[0]
        new, among = torch.tensor([c not in kept for c in whole]), usual.logsumexp(0)
        return own - torch.where(new, torch.logaddexp(own, among), among)

    @torch.no_grad()
    def generate(self, example: Example, end: int, most: int) -> list[int]:
        """See `System`: the nearest of the kept answers."""
        best = self.said[int(self._near(example)[2].argmax())]
        return [token for token in best if token != end][:most]

    def _near(self, example: Example) -> tuple[Tensor, Tensor, Tensor]:
        """Its media [1, E], its question's states [1, S], and the similarity of each kept answer [kept]."""
        (turn,) = example.turns
        seen, question = self.see([example]), self.read([turn.question])
        return seen, question, self.similarity(seen, self.texts(question, self.kept_states()))[0]

    def media_tokens(self, media: Sequence[Medium]) -> int:
        """What stands for all media together: one vector."""
        return 1 if media else 0

    def cache_bytes(self, media: Sequence[Medium]) -> int:
        """Bytes kept of media while answering."""
        return self.media_tokens(media) * self.config.width * 4


def _drawn(count: int, rng: torch.Generator) -> int:
    return int(torch.randint(count, (), generator=rng))
