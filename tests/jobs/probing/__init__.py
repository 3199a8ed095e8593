"""An app of the tests, with a job whose effects can be counted; their workers and beats load it."""

STEPS = 20
RESTS = 4  # the step after which a worker may be found outside of any transaction
