"""Runs of jobs, and what the processes measured, by minute and by hour."""

from django.db import migrations

from stateward.tenancy.rows import APP, TENANT, protect

JOBS = f"""
CREATE TABLE stateward_job_run (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    tenant_id uuid,                       -- null: the platform's own, about no one tenant
    name text NOT NULL,
    slot timestamptz,                     -- the time in the timetable it stands for; null: asked for by someone
    state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'done', 'failed')),
    attempts integer NOT NULL DEFAULT 0,
    queued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    sent_at timestamptz NOT NULL DEFAULT clock_timestamp(),  -- to the broker, which may lose it: then it is sent again
    started_at timestamptz,
    finished_at timestamptz,
    result jsonb,                         -- counts, never values
    error text                            -- the kind of error and where, never its text: that may hold values
);
-- However many timetables run, a slot has one run.
CREATE UNIQUE INDEX stateward_job_run_slot ON stateward_job_run (tenant_id, name, slot) NULLS NOT DISTINCT
    WHERE slot IS NOT NULL;
CREATE INDEX stateward_job_run_open ON stateward_job_run (sent_at) WHERE state IN ('queued', 'running');
CREATE INDEX stateward_job_run_age ON stateward_job_run (queued_at);
CREATE INDEX stateward_job_run_latest ON stateward_job_run (name, queued_at DESC) WHERE tenant_id IS NULL;
ALTER TABLE stateward_job_run ENABLE ROW LEVEL SECURITY;
ALTER TABLE stateward_job_run FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_or_platform ON stateward_job_run FOR ALL TO {APP}
    USING (tenant_id IS NULL OR tenant_id = {TENANT}) WITH CHECK (tenant_id IS NULL OR tenant_id = {TENANT});
"""

METRICS = """
CREATE TABLE stateward_metric_minute (
    tenant_id uuid NOT NULL,
    minute timestamptz NOT NULL,
    series text NOT NULL,
    label text NOT NULL DEFAULT '',
    count bigint NOT NULL,
    seconds double precision NOT NULL,    -- how long all of them took together
    histogram bigint[] NOT NULL,          -- by the bounds of web/metrics.py
    PRIMARY KEY (tenant_id, minute, series, label)
);
CREATE TABLE stateward_metric_hour (
    tenant_id uuid NOT NULL,
    hour timestamptz NOT NULL,
    series text NOT NULL,
    label text NOT NULL DEFAULT '',
    count bigint NOT NULL,
    seconds double precision NOT NULL,
    histogram bigint[] NOT NULL,
    PRIMARY KEY (tenant_id, hour, series, label)
);

CREATE FUNCTION stateward_add_histograms(a bigint[], b bigint[]) RETURNS bigint[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT array_agg(coalesce(x, 0) + coalesce(y, 0) ORDER BY i)
    FROM unnest(a, b) WITH ORDINALITY AS pairs (x, y, i)
$$;

CREATE FUNCTION stateward_add_metrics(p_tenant uuid, p_rows jsonb) RETURNS integer LANGUAGE plpgsql AS $$
-- Adds what a process measured to the present minute; answers how many rows that were.
DECLARE
    before text := current_setting('stateward.tenant', true);
    written integer;
BEGIN
    PERFORM set_config('stateward.tenant', p_tenant::text, true);
    INSERT INTO stateward_metric_minute AS m (tenant_id, minute, series, label, count, seconds, histogram)
        SELECT p_tenant, date_trunc('minute', clock_timestamp()), r.series, r.label, r.count, r.seconds, r.histogram
        FROM jsonb_to_recordset(p_rows)
            AS r (series text, label text, count bigint, seconds double precision, histogram bigint[])
        ORDER BY r.series, r.label
        ON CONFLICT (tenant_id, minute, series, label) DO UPDATE SET
            count = m.count + excluded.count, seconds = m.seconds + excluded.seconds,
            histogram = stateward_add_histograms(m.histogram, excluded.histogram);
    GET DIAGNOSTICS written = ROW_COUNT;
    PERFORM set_config('stateward.tenant', coalesce(before, ''), true);
    RETURN written;
END $$;
"""

DROP = """
DROP FUNCTION stateward_add_metrics;
DROP FUNCTION stateward_add_histograms;
DROP TABLE stateward_metric_hour, stateward_metric_minute, stateward_job_run;
"""


class Migration(migrations.Migration):
    dependencies = [("tenancy", "0002_walls")]

    operations = [
        migrations.RunSQL(JOBS + METRICS, DROP),
        migrations.RunSQL(
            protect("stateward_metric_minute") + protect("stateward_metric_hour"),
            migrations.RunSQL.noop,
        ),
    ]
