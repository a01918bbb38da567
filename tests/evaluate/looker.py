"""A responder that looks: dark or bright, by the mean of the first picture. Also behind the server of the tests."""

import math

from trenza.conversation import Answer, Usage
from trenza.signals import Image


class Looker:
    """Says dark or bright; without a picture, dark. p says how sure it is of what it says."""

    p = 0.9

    def belief(self, conversation) -> dict[str, float]:
        pictures = [p.signal for p in conversation.parts if isinstance(p.signal, Image)]
        bright = bool(pictures) and pictures[0].pixels.mean() > 128
        said, other = ("bright", "dark") if bright else ("dark", "bright")
        return {said: self.p, other: 0.97 - self.p, "grey": 0.02, "black": 0.01}

    def respond(self, conversation, sampling=None, support=False) -> Answer:
        found = self.belief(conversation)
        return Answer(max(found, key=found.get), (), None, Usage(3, 1, 1))

    def score(self, conversation, candidates) -> list[float]:
        found = self.belief(conversation)
        return [math.log(found.get(c, 1e-4)) for c in candidates]

    def next_tokens(self, conversation, text: str) -> dict[str, float]:
        """For the server: an answer is one token."""
        return {"": 0.0} if text else {t: math.log(p) for t, p in self.belief(conversation).items()}


def looker() -> Looker:
    return Looker()
