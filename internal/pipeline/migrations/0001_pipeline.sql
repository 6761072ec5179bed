-- +goose Up
CREATE TABLE pipelines (
    name     TEXT PRIMARY KEY,
    doc      TEXT NOT NULL, -- codepipeline.PipelineDeclaration, the current version
    stages   TEXT NOT NULL, -- engine.Stage by name
    sequence BIGINT NOT NULL, -- of the newest execution
    created  BIGINT NOT NULL,
    updated  BIGINT NOT NULL
);

CREATE TABLE pipeline_versions (
    pipeline TEXT NOT NULL REFERENCES pipelines (name),
    version  BIGINT NOT NULL,
    doc      TEXT NOT NULL,
    PRIMARY KEY (pipeline, version)
);

CREATE TABLE pipeline_tags (
    pipeline TEXT NOT NULL REFERENCES pipelines (name),
    key      TEXT NOT NULL,
    value    TEXT NOT NULL,
    PRIMARY KEY (pipeline, key)
);

CREATE TABLE pipeline_executions (
    pipeline TEXT NOT NULL REFERENCES pipelines (name),
    sequence BIGINT NOT NULL,
    id       TEXT NOT NULL UNIQUE,
    live     BIGINT NOT NULL, -- 1 until it ended
    doc      TEXT NOT NULL, -- engine.Execution
    PRIMARY KEY (pipeline, sequence)
);
CREATE INDEX pipeline_executions_live ON pipeline_executions (pipeline) WHERE live = 1;

-- What starts which pipelines: a branch, an object.
CREATE TABLE pipeline_watches (
    kind     TEXT NOT NULL, -- branch, object
    place    TEXT NOT NULL, -- REPOSITORY refs/heads/BRANCH, BUCKET/KEY
    pipeline TEXT NOT NULL REFERENCES pipelines (name),
    action   TEXT NOT NULL,
    PRIMARY KEY (kind, place, pipeline, action)
);
CREATE INDEX pipeline_watches_of ON pipeline_watches (pipeline);

-- What action executions wait for: a build, a deployment.
CREATE TABLE pipeline_waits (
    kind      TEXT NOT NULL, -- build, deployment
    external  TEXT NOT NULL, -- its ID
    pipeline  TEXT NOT NULL REFERENCES pipelines (name),
    execution TEXT NOT NULL,
    run       TEXT NOT NULL,
    PRIMARY KEY (kind, external)
);
CREATE INDEX pipeline_waits_of ON pipeline_waits (pipeline);
