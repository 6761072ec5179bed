-- +goose Up
-- Action types that requests made: of the owners Custom and ThirdParty. A deleted one stays, since its version must not
-- be used again.
CREATE TABLE pipeline_action_types (
    owner    TEXT NOT NULL,
    category TEXT NOT NULL,
    provider TEXT NOT NULL,
    version  TEXT NOT NULL,
    deleted  BIGINT NOT NULL DEFAULT 0,
    doc      TEXT NOT NULL, -- custom.actionType
    PRIMARY KEY (owner, category, provider, version)
);

CREATE TABLE pipeline_action_type_tags (
    action_type TEXT NOT NULL, -- what follows the account in its ARN
    key         TEXT NOT NULL,
    value       TEXT NOT NULL,
    PRIMARY KEY (action_type, key)
);

-- Jobs of job workers. An action execution has one, and another after each that ended with a continuation token.
CREATE TABLE pipeline_jobs (
    id       TEXT PRIMARY KEY,
    run      TEXT NOT NULL, -- the action execution
    number   BIGINT NOT NULL, -- in the action execution, from 1
    pipeline TEXT NOT NULL,
    queue    TEXT NOT NULL, -- the action type, and the value of its queryable property
    visible  BIGINT, -- from when on a poll may return it, in Unix milliseconds; NULL once it was acknowledged or ended
    doc      TEXT NOT NULL, -- custom.Job
    UNIQUE (run, number)
);
CREATE INDEX pipeline_jobs_queue ON pipeline_jobs (queue, visible, id) WHERE visible IS NOT NULL;
CREATE INDEX pipeline_jobs_of ON pipeline_jobs (pipeline);

-- Servers of Jenkins, which do the work of the action types of their names.
CREATE TABLE pipeline_jenkins_servers (
    name TEXT PRIMARY KEY,
    doc  TEXT NOT NULL -- jenkins.server
);

-- Builds of Jenkins that actions wait for.
CREATE TABLE pipeline_jenkins_builds (
    run      TEXT PRIMARY KEY, -- the action execution
    pipeline TEXT NOT NULL,
    doc      TEXT NOT NULL -- jenkins.Build
);
CREATE INDEX pipeline_jenkins_builds_of ON pipeline_jenkins_builds (pipeline);
