-- +goose Up
-- build, or sandbox: one that is kept for commands instead of running a buildspec.
ALTER TABLE builds ADD COLUMN kind TEXT NOT NULL DEFAULT 'build';
DROP INDEX builds_of_project;
CREATE INDEX builds_of_project ON builds (project, kind, seq);
CREATE INDEX builds_by_kind ON builds (kind, seq);

-- The commands that run in sandboxes, one after another.
CREATE TABLE command_executions (
    id      TEXT PRIMARY KEY,
    sandbox TEXT NOT NULL,             -- PROJECT:UUID
    serial  BIGINT NOT NULL,           -- counts the commands of the sandbox from 1
    stage   TEXT NOT NULL,             -- submitted, running, ended
    stop    BIGINT NOT NULL DEFAULT 0, -- somebody asked for its end
    session BIGINT NOT NULL DEFAULT 0, -- it goes on where the session's command before it ended
    doc     TEXT NOT NULL              -- codebuild.CommandExecution
);
CREATE UNIQUE INDEX command_executions_of_sandbox ON command_executions (sandbox, serial);
CREATE INDEX command_executions_open ON command_executions (sandbox, stage, serial);
