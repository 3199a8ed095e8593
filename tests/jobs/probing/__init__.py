"""An app of the tests, with a job whose effects can be counted; workers and beats of tests load it.

Its ``tasks`` are for those processes alone: they change what a beat does.
"""

STEPS = 20
RESTS = 4  # the step after which a worker may be found outside of any transaction
