-- +goose Up
CREATE TABLE webhooks (
    project    TEXT PRIMARY KEY,
    token_hash TEXT NOT NULL UNIQUE,     -- SHA-256 of the last part of its payload URL
    sealed     TEXT NOT NULL,            -- that part and the secret, sealed for the project
    doc        TEXT NOT NULL,            -- codebuild.Webhook without these
    hook       TEXT NOT NULL DEFAULT '', -- the URL of the hook at the forge, if it was made there
    repository TEXT NOT NULL DEFAULT '', -- the ID at the forge, once a delivery was of the project's repository
    last_seq   BIGINT NOT NULL DEFAULT 0 -- of its newest delivery
);

-- What the deliveries of a webhook did: the newest ones.
CREATE TABLE webhook_deliveries (
    project  TEXT NOT NULL,
    seq      BIGINT NOT NULL,
    received BIGINT NOT NULL,
    doc      TEXT NOT NULL, -- slipway.WebhookDelivery
    PRIMARY KEY (project, seq)
);

-- Deliveries and events that started something, so that they start nothing again.
CREATE TABLE webhook_seen (
    project TEXT NOT NULL,
    key     TEXT NOT NULL, -- hash of a delivery's ID, or of what an event is
    work    TEXT NOT NULL, -- the ID of the build or batch that it started
    expires BIGINT NOT NULL,
    PRIMARY KEY (project, key)
);
CREATE INDEX webhook_seen_expires ON webhook_seen (expires);
