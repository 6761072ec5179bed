-- +goose Up
CREATE TABLE deploy_applications (
    id   TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    doc  TEXT NOT NULL -- codedeploy.ApplicationInfo
);

CREATE TABLE deploy_groups (
    id          TEXT PRIMARY KEY,
    application TEXT NOT NULL REFERENCES deploy_applications (id),
    name        TEXT NOT NULL,
    config      TEXT NOT NULL, -- the deployment configuration's name
    revision    TEXT NOT NULL, -- the key of the last revision that was deployed with success; '' for none
    doc         TEXT NOT NULL, -- codedeploy.DeploymentGroupInfo
    UNIQUE (application, name)
);
CREATE INDEX deploy_groups_config ON deploy_groups (config);

CREATE TABLE deploy_configs (
    name TEXT PRIMARY KEY,
    doc  TEXT NOT NULL -- codedeploy.DeploymentConfigInfo; those of AWS are not here
);

CREATE TABLE deploy_revisions (
    application TEXT NOT NULL REFERENCES deploy_applications (id),
    key         TEXT NOT NULL, -- of the location
    bucket      TEXT NOT NULL, -- of a revision in S3
    object      TEXT NOT NULL,
    registered  BIGINT NOT NULL,
    first_used  BIGINT NOT NULL, -- 0 for never
    last_used   BIGINT NOT NULL,
    doc         TEXT NOT NULL, -- codedeploy.RevisionInfo
    PRIMARY KEY (application, key)
);

CREATE TABLE deploy_instances (
    name         TEXT PRIMARY KEY,
    arn          TEXT NOT NULL, -- of the IAM user or session
    registered   BIGINT NOT NULL,
    deregistered BIGINT NOT NULL, -- 0 while it is registered
    seen         BIGINT NOT NULL, -- when its agent was heard of last, to the quarter of a minute; 0 for never
    doc          TEXT NOT NULL -- codedeploy.InstanceInfo
);
CREATE INDEX deploy_instances_arn ON deploy_instances (arn);

CREATE TABLE deploy_tags (
    arn   TEXT NOT NULL,
    key   TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (arn, key)
);

CREATE TABLE deploy_deployments (
    id          TEXT PRIMARY KEY,
    place       TEXT NOT NULL UNIQUE, -- in the order of creation
    application TEXT NOT NULL,
    grp         TEXT NOT NULL,
    status      TEXT NOT NULL,
    live        INTEGER NOT NULL,
    created     BIGINT NOT NULL,
    doc         TEXT NOT NULL, -- codedeploy.DeploymentInfo
    state       TEXT NOT NULL  -- rollout.State
);
CREATE INDEX deploy_deployments_application ON deploy_deployments (application, place);
CREATE INDEX deploy_deployments_group ON deploy_deployments (grp, place);
CREATE UNIQUE INDEX deploy_deployments_live ON deploy_deployments (grp) WHERE live = 1;

CREATE TABLE deploy_targets (
    deployment  TEXT NOT NULL REFERENCES deploy_deployments (id),
    target      TEXT NOT NULL,
    position    INTEGER NOT NULL, -- the order in which they begin
    status      TEXT NOT NULL,
    host        TEXT NOT NULL, -- whose commands wait here: the target while its deployment lasts, then ''
    deliverable BIGINT NOT NULL, -- from when on its command may be handed out
    doc         TEXT NOT NULL, -- rollout.Target
    PRIMARY KEY (deployment, target)
);
CREATE INDEX deploy_targets_host ON deploy_targets (host, deliverable);
CREATE INDEX deploy_targets_order ON deploy_targets (deployment, position);

-- What the deployments of a group have made of a host.
CREATE TABLE deploy_health (
    grp  TEXT NOT NULL,
    host TEXT NOT NULL,
    doc  TEXT NOT NULL, -- rollout.Health
    PRIMARY KEY (grp, host)
);

-- Deployments that somebody inside asked for under a key of their own.
CREATE TABLE deploy_keys (
    key        TEXT PRIMARY KEY,
    deployment TEXT NOT NULL
);
