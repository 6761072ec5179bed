-- +goose Up
CREATE TABLE pipeline_webhooks (
    name       TEXT PRIMARY KEY,
    pipeline   TEXT NOT NULL REFERENCES pipelines (name),
    token_hash TEXT NOT NULL UNIQUE, -- SHA-256 of the last part of its URL
    sealed     TEXT NOT NULL, -- that part, and the secret of its deliveries
    doc        TEXT NOT NULL, -- codepipeline.WebhookDefinition without the secret
    triggered  BIGINT, -- when it last started its pipeline
    error_code TEXT NOT NULL DEFAULT '', -- of its last delivery
    error      TEXT NOT NULL DEFAULT '',
    hook       TEXT NOT NULL DEFAULT '' -- its URL at the forge, if it was registered there
);
CREATE INDEX pipeline_webhooks_of ON pipeline_webhooks (pipeline);

CREATE TABLE pipeline_webhook_tags (
    webhook TEXT NOT NULL REFERENCES pipeline_webhooks (name),
    key     TEXT NOT NULL,
    value   TEXT NOT NULL,
    PRIMARY KEY (webhook, key)
);

-- The changes that PutActionRevision has started executions of.
CREATE TABLE pipeline_revisions (
    pipeline  TEXT NOT NULL REFERENCES pipelines (name),
    action    TEXT NOT NULL,
    change_id TEXT NOT NULL,
    execution TEXT NOT NULL,
    PRIMARY KEY (pipeline, action, change_id)
);

-- Action executions that deploy to targets which can be listed.
CREATE TABLE pipeline_deploys (
    run       TEXT PRIMARY KEY,
    pipeline  TEXT NOT NULL REFERENCES pipelines (name),
    execution TEXT NOT NULL
);
CREATE INDEX pipeline_deploys_of ON pipeline_deploys (pipeline, execution);
