-- +goose Up
ALTER TABLE projects ADD COLUMN last_batch BIGINT NOT NULL DEFAULT 0; -- the number of its newest batch

CREATE TABLE batches (
    id        TEXT PRIMARY KEY,         -- PROJECT:UUID
    seq       BIGINT NOT NULL,          -- in the order of submission
    project   TEXT NOT NULL,
    origin    TEXT NOT NULL DEFAULT '', -- the pipeline's key that started it
    status    TEXT NOT NULL,            -- codebuild.StatusType
    submitted BIGINT NOT NULL,
    doc       TEXT NOT NULL,            -- codebuild.BuildBatch without its builds
    state     TEXT NOT NULL,            -- batch.State
    work      TEXT NOT NULL             -- what its builds are made of
);
CREATE INDEX batches_seq ON batches (seq);
CREATE INDEX batches_of_project ON batches (project, seq);
CREATE INDEX batches_by_status ON batches (status, submitted);
CREATE INDEX batches_origin ON batches (origin);
