"""A backup does not hold the list of backups."""

from stateward.kernel.governed import keep_subjects, leave_out

leave_out("stateward_backup", "lists archives, this one among them")
leave_out("stateward_backup_drill", "evidence about archives of the former tenant")
leave_out("stateward_backup_restore", "restores of the former tenant")

keep_subjects(
    "backups",
    "archives made before",
    fate="sealed copies end with their archives; every restore leaves out what was erased",
)
