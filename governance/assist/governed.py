"""What of the model's help goes into a tenant's backup: nothing."""

from stateward.kernel.governed import keep_subjects, leave_out

leave_out("stateward_assist_call", "counts calls of the last two days, for the limits")
keep_subjects("assist", "the model's help", fate="no question and no answer is kept")
