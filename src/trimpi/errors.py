"""One root for every error a user can cause; each kind also inherits the stdlib error it stands for."""


class TrimpiError(Exception):
    """Something the user can mend. The message says what was given, what is allowed and what to do."""


class RecipeError(TrimpiError, ValueError):
    """A recipe with an unknown key, a wrong value or an impossible combination."""


class PolicyError(TrimpiError, ValueError):
    """A policy document that is missing, empty, or refers to an image that cannot be used."""


class DataError(TrimpiError, ValueError):
    """A data file that is missing, malformed or does not say what a task needs."""


class ModelError(TrimpiError, RuntimeError):
    """A model or processor that cannot do what is asked of it."""


class RunError(TrimpiError, RuntimeError):
    """A run directory that does not fit the recipe, or a stage that cannot go on."""


class EndpointError(TrimpiError, RuntimeError):
    """An endpoint that is not set up, that refuses a request, or that does not answer it.

    `kind` is the cause in a word: the HTTP status, "timeout", "connection"; empty where there is none to name.
    """

    def __init__(self, message: str, *, kind: str = "") -> None:
        super().__init__(message)
        self.kind = kind
