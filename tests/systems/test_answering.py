"""What may be sent of an answer while it comes, and which settings are none."""

import pytest

from trenza.errors import UsageError
from trenza.systems.answering import Sampling, sendable


def test_bad_sampling_is_refused():
    with pytest.raises(UsageError, match="top_p"):
        Sampling(top_p=0)


def test_half_letters_and_half_stop_strings_are_held_back():
    assert sendable("caf\ufffd", ()) == "caf"
    assert sendable("one EN", ("END",)) == "one "
    assert sendable("one EX", ("END",)) == "one EX"
