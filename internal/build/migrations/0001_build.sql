-- +goose Up
CREATE TABLE projects (
    name        TEXT PRIMARY KEY,
    doc         TEXT NOT NULL, -- codebuild.Project
    created     BIGINT NOT NULL,
    modified    BIGINT NOT NULL,
    last_number BIGINT NOT NULL DEFAULT 0 -- of its newest build
);
CREATE INDEX projects_created ON projects (created, name);
CREATE INDEX projects_modified ON projects (modified, name);

CREATE TABLE builds (
    id           TEXT PRIMARY KEY, -- PROJECT:UUID
    seq          BIGINT NOT NULL,  -- in the order of submission
    project      TEXT NOT NULL,
    origin       TEXT NOT NULL DEFAULT '', -- the pipeline's key that started it
    state        TEXT NOT NULL,            -- queued, assigned, running, ended
    runner       TEXT NOT NULL DEFAULT '',
    stop         BIGINT NOT NULL DEFAULT 0,
    submitted    BIGINT NOT NULL,
    assigned     BIGINT NOT NULL DEFAULT 0,
    acknowledged BIGINT NOT NULL DEFAULT 0,
    doc          TEXT NOT NULL,              -- codebuild.Build: as submitted, and once more as it ended
    work         TEXT NOT NULL,              -- what the runner gets besides
    cause        TEXT NOT NULL DEFAULT 'null' -- slipway.Cause
);
CREATE INDEX builds_seq ON builds (seq);
CREATE INDEX builds_of_project ON builds (project, seq);
CREATE INDEX builds_by_state ON builds (state, seq);
CREATE INDEX builds_open ON builds (project, state);
CREATE INDEX builds_of_runner ON builds (runner, state);
CREATE INDEX builds_origin ON builds (origin);

CREATE TABLE runners (
    name TEXT PRIMARY KEY,
    seen BIGINT NOT NULL -- up to half a minute ago
);
