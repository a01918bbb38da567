"""What is likely to be said: a name that was heard almost right is taken for what was said.

A listener who writes freely spells a word that it hasn't quite heard as nobody does. So the known texts nearest to what
it wrote are weighed by it as well, and one that it finds almost as likely is what it heard; what is near to no known
text stays as it was written (contextual biasing, by rescoring; compare Aleksic et al. 2015, "Bringing contextual
information to Google speech recognition", section 3). Beside a picture, what it shows is likelier to be said than all
else that is known.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from rapidfuzz import fuzz, process
from tokenizers import Tokenizer as Vocabulary
from torch import Tensor

from trenza.towers.hearing import END, MOST_TOKENS, PROMPT
from trenza.towers.whisper import WhisperDecoder

NEAR = 8  # known texts that are weighed
# Nats by which a name of what is shown may be less likely, chosen on spoken questions of worlds of seed 777.
SHOWN = 6.0
ALIKE = 45.0  # percent of letters that a known text has to share with what was written


class Expected:
    """names, and carriers that a name may stand behind ("Where is the"). lead: nats by which what the listener wrote
    has to be likelier than a known text to stand."""

    def __init__(self, names: Sequence[str], carriers: Sequence[str], lead: float, words: Vocabulary):
        behind = (f"{carrier} {name}" for carrier in carriers for name in names)
        self.texts = list(dict.fromkeys([*names, *carriers, *behind]))
        self.known, self.carriers = {*self.texts}, carriers
        self.lead, self.words = lead, words

    def __call__(
        self, listener: WhisperDecoder, features: Tensor, said: list[int], shown: Sequence[str] = ()
    ) -> list[int]:
        """Features of one window [n, width] and the tokens written for it, to those that were said. shown: names of
        what stands in pictures beside it, which may stand behind what it begins with; `lead` and SHOWN nats add up."""
        heard = self.words.decode(said).strip()
        begun = max((carrier for carrier in self.carriers if heard.startswith(f"{carrier} ")), key=len, default="")
        here = [f"{begun} {name}".strip() for name in shown]
        if heard in (*here, *self.carriers):
            return said
        known, behind = self.nearest(listener, features, said)
        said = known if behind < self.lead else said
        known, behind = self._likeliest(listener, features, said, here)
        return known if behind < SHOWN else said

    def nearest(self, listener: WhisperDecoder, features: Tensor, said: list[int]) -> tuple[list[int], float]:
        """The likeliest of the known texts that are near, and by how many nats it is less likely than what was written;
        what was written, and 0, where that is known, or near to none."""
        heard = self.words.decode(said).strip()
        if not heard or heard in self.known:
            return said, 0.0
        near = process.extract(heard, self.texts, scorer=fuzz.ratio, limit=NEAR, score_cutoff=ALIKE)
        return self._likeliest(listener, features, said, [text for text, *_ in near])

    def _likeliest(
        self, listener: WhisperDecoder, features: Tensor, said: list[int], texts: Sequence[str]
    ) -> tuple[list[int], float]:
        """Of some texts, as `nearest`."""
        heard = self.words.decode(said).strip()
        spelled = [self.words.encode(f" {text}", add_special_tokens=False).ids for text in texts]
        spelled = [tokens for tokens in spelled if len(tokens) <= MOST_TOKENS]
        if not heard or heard in texts or not spelled:
            return said, 0.0
        own, *others = log_p(listener, features, [said, *spelled]).tolist()
        best = max(range(len(others)), key=others.__getitem__)
        return spelled[best], own - others[best]


@torch.no_grad()
def log_p(listener: WhisperDecoder, features: Tensor, texts: Sequence[list[int]], ended: bool = True) -> Tensor:
    """log p of each text, with its end or as what comes first, in nats [len(texts)], of one window's features
    [n, width]."""
    longest = max(map(len, texts))
    tokens = torch.full((len(texts), len(PROMPT) + longest), END)
    tokens[:, : len(PROMPT)] = torch.tensor(PROMPT)
    wanted = torch.full((len(texts), longest + 1), END)
    counted = torch.zeros(len(texts), longest + 1)
    for row, text in enumerate(texts):
        tokens[row, len(PROMPT) : len(PROMPT) + len(text)] = torch.tensor(text, dtype=torch.long)
        wanted[row, : len(text)] = torch.tensor(text, dtype=torch.long)
        counted[row, : len(text) + ended] = 1
    # What is heard is the same for all texts: its keys and values are made once a layer.
    many = (len(texts), -1, -1, -1)
    context = [(keys.expand(many), values.expand(many)) for keys, values in listener.remember(features[None])]
    states = listener.states(tokens, context)[:, len(PROMPT) - 1 :]
    losses = F.cross_entropy(listener.logits(states).float().flatten(0, 1), wanted.flatten(), reduction="none")
    return -(losses.view(wanted.shape) * counted).sum(1)
