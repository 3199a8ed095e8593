"""What the model's help refuses, and how it fails. None of it names the endpoint or its key."""

from __future__ import annotations

from stateward.kernel.errors import StatewardError, TooManyRequests, Unavailable, Unprocessable


class AssistOff(StatewardError):
    """No model is configured in this installation."""

    code, status, title = "assist_off", 503, "No model"


class ModelUnavailable(Unavailable):
    """The model did not answer in time, or refused to; nothing was changed. Try again later."""

    code, title = "model_unavailable", "Model unavailable"


class ModelBusy(Unavailable):
    """As many questions as are allowed at once are being answered; try again shortly."""

    code, title = "model_busy", "Model busy"


class UnusableAnswer(StatewardError):
    """The model's answer was not of the form asked for, twice; nothing was changed."""

    code, status, title = "unusable_answer", 502, "Unusable answer"


class AssistLimit(TooManyRequests):
    """The tenant has used what it may ask of the model for now."""

    code, title = "assist_limit", "Limit reached"


class BadSentence(Unprocessable):
    """Say in a sentence of 10 to 1,000 characters what the policy is to do."""

    code, title = "bad_sentence", "Not a sentence"
