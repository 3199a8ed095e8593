"""Nothing of operations goes into a tenant's backup."""

from stateward.kernel.governed import keep_subjects, leave_out

leave_out("stateward_job_run", "what became of this installation's jobs")
leave_out("stateward_metric_minute", "measurements of this installation")
leave_out("stateward_metric_hour", "measurements of this installation")
leave_out("stateward_job_line", "what became of this installation's jobs")
leave_out("stateward_job_open", "what became of this installation's jobs")
leave_out("stateward_metric_day", "measurements of this installation")
leave_out("stateward_storage_day", "measurements of this installation")
leave_out("stateward_namespace_day", "measurements of this installation")
leave_out("stateward_namespace_key", "measurements of this installation")
leave_out("stateward_namespace_standing", "measurements of this installation")
leave_out("stateward_tally_minute", "measurements of this installation")
leave_out("stateward_tally_hour", "measurements of this installation")
leave_out("stateward_tally_day", "measurements of this installation")
leave_out("stateward_tally_state", "measurements of this installation")

keep_subjects(
    "jobs", "runs of jobs and their results", fate="hold counts and names of ours, never a value"
)
