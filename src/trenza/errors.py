"""The error family. Each message names the file or key, the limit and the way out."""


class TrenzaError(Exception):
    """Base of every error a user can cause or meet. The command line prints it without a traceback."""

    exit_code = 2


class UsageError(TrenzaError):
    """The call is wrong: an argument, a question, a recipe."""


class SignalError(TrenzaError):
    """A medium cannot be read, or exceeds a limit."""

    exit_code = 3


class WeightsError(TrenzaError):
    """Weights are missing, damaged, of the wrong shape, or out of reach."""

    exit_code = 4


class DataError(TrenzaError):
    """A source of data is missing or not what it should be."""


class EndpointError(TrenzaError):
    """A model server can't be reached, refuses, or answers what can't be an answer."""

    exit_code = 5


class TrainingError(TrenzaError):
    """A training can't go on: its loss isn't finite."""
