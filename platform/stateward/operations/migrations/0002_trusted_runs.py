"""Runs that show progress, keep a checkpoint, can be stopped, and are fenced off from a worker that lost them."""

from django.db import migrations

from stateward.tenancy.rows import APP, OWNER, PURGED, TENANT

RUNS = f"""
ALTER TABLE stateward_job_run
    DROP CONSTRAINT stateward_job_run_state_check,
    ADD CONSTRAINT stateward_job_run_state_check
        CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
    ADD COLUMN params jsonb NOT NULL DEFAULT '{{}}',
    ADD COLUMN checkpoint jsonb,          -- from where another worker goes on
    ADD COLUMN deaths integer NOT NULL DEFAULT 0,  -- of workers, since the last checkpoint
    ADD COLUMN done bigint NOT NULL DEFAULT 0,     -- when it was over; before that see stateward_job_open
    ADD COLUMN total bigint,
    ADD COLUMN stage text NOT NULL DEFAULT '',
    ADD COLUMN has_findings boolean NOT NULL DEFAULT false,
    ADD COLUMN worker text NOT NULL DEFAULT '',
    ADD COLUMN actor_type text NOT NULL DEFAULT 'system',
    ADD COLUMN actor_id uuid,             -- who asked for it; null: the timetable
    ADD COLUMN retry_of uuid,
    ADD COLUMN stopped_by uuid;           -- who had it cancelled
DROP INDEX stateward_job_run_open;
ALTER TABLE stateward_job_run DROP COLUMN sent_at;
CREATE INDEX stateward_job_run_of_tenant ON stateward_job_run (tenant_id, id DESC);
CREATE POLICY owner_purges ON stateward_job_run TO {OWNER} USING (tenant_id = {PURGED});

-- What is not over: who holds it, how far it is. Workers and beats look here before they know a tenant, so it holds ids,
-- counts and our own words only. A row is changed by the run's holder and by who asks for its end (FOR NO KEY UPDATE); it is
-- taken over FOR UPDATE, which waits for every transaction that was guarded by it (FOR KEY SHARE).
CREATE TABLE stateward_job_open (
    run_id uuid PRIMARY KEY REFERENCES stateward_job_run (id) ON DELETE CASCADE,
    tenant_id uuid,
    name text NOT NULL,
    state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running')),
    token bigint NOT NULL DEFAULT 0,      -- raised whenever somebody takes the run
    queued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    sent_at timestamptz NOT NULL DEFAULT clock_timestamp(),  -- to the broker, which may lose it: then it is sent again
    leased_until timestamptz,
    beat_at timestamptz,
    is_cancelled boolean NOT NULL DEFAULT false,  -- asked for; the holder ends it at its next report
    stopped_by uuid,
    done bigint NOT NULL DEFAULT 0,
    total bigint,
    stage text NOT NULL DEFAULT ''
) WITH (fillfactor = 50);
CREATE INDEX stateward_job_open_name ON stateward_job_open (name, tenant_id);
ALTER TABLE stateward_job_run NO FORCE ROW LEVEL SECURITY;
INSERT INTO stateward_job_open (run_id, tenant_id, name, queued_at)
    SELECT id, tenant_id, name, queued_at FROM stateward_job_run WHERE state IN ('queued', 'running');
ALTER TABLE stateward_job_run FORCE ROW LEVEL SECURITY;

CREATE FUNCTION stateward_job_lock(run uuid, token bigint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT hashtextextended('stateward job ' || run || ' ' || token, 0)
$$;

CREATE FUNCTION stateward_job_is_held(run uuid, token bigint) RETURNS boolean LANGUAGE sql VOLATILE AS $$
-- Whether the session that took the run under this token is still there: it holds an advisory lock of that name.
    SELECT EXISTS (SELECT FROM pg_locks l
        WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted
          AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
          AND (l.classid::bigint << 32 | l.objid::bigint) = stateward_job_lock(run, token))
$$;

CREATE TABLE stateward_job_line (
    run_id uuid NOT NULL REFERENCES stateward_job_run (id) ON DELETE CASCADE,
    number integer NOT NULL,
    tenant_id uuid,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    text text NOT NULL,
    PRIMARY KEY (run_id, number)
);
ALTER TABLE stateward_job_line ENABLE ROW LEVEL SECURITY;
ALTER TABLE stateward_job_line FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_or_platform ON stateward_job_line FOR ALL TO {APP}
    USING (tenant_id IS NULL OR tenant_id = {TENANT}) WITH CHECK (tenant_id IS NULL OR tenant_id = {TENANT});
CREATE POLICY owner_purges ON stateward_job_line TO {OWNER} USING (tenant_id = {PURGED});

CREATE TABLE stateward_job_process (
    name text PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('worker', 'beat')),
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
"""

UNDO = """
DROP TABLE stateward_job_process, stateward_job_line, stateward_job_open;
DROP FUNCTION stateward_job_is_held, stateward_job_lock;
DROP POLICY owner_purges ON stateward_job_run;
DROP INDEX stateward_job_run_of_tenant;
ALTER TABLE stateward_job_run NO FORCE ROW LEVEL SECURITY;
DELETE FROM stateward_job_run WHERE state = 'cancelled';
ALTER TABLE stateward_job_run FORCE ROW LEVEL SECURITY;
ALTER TABLE stateward_job_run
    DROP CONSTRAINT stateward_job_run_state_check,
    ADD CONSTRAINT stateward_job_run_state_check CHECK (state IN ('queued', 'running', 'done', 'failed')),
    DROP COLUMN params, DROP COLUMN checkpoint, DROP COLUMN deaths, DROP COLUMN done, DROP COLUMN total,
    DROP COLUMN stage, DROP COLUMN has_findings, DROP COLUMN worker, DROP COLUMN actor_type, DROP COLUMN actor_id,
    DROP COLUMN retry_of, DROP COLUMN stopped_by,
    ADD COLUMN sent_at timestamptz NOT NULL DEFAULT clock_timestamp();
CREATE INDEX stateward_job_run_open ON stateward_job_run (sent_at) WHERE state IN ('queued', 'running');
"""


class Migration(migrations.Migration):
    dependencies = [("operations", "0001_jobs_and_metrics")]

    operations = [migrations.RunSQL(RUNS, UNDO)]
