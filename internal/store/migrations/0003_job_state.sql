-- +goose Up
-- run_at is when somebody has to look at the job next: when it is due or, on PostgreSQL, when its lease runs out.
-- again_at is when a job that was enqueued while it ran is due.
ALTER TABLE jobs ADD COLUMN state TEXT NOT NULL DEFAULT 'waiting';
ALTER TABLE jobs ADD COLUMN lease TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN again_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN enqueued BIGINT NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN attempts TEXT NOT NULL DEFAULT '[]';
DROP INDEX jobs_due;
CREATE INDEX jobs_due ON jobs (kind, run_at) WHERE state = 'waiting';
CREATE INDEX jobs_state ON jobs (state, kind, key);
