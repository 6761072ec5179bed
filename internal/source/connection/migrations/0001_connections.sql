-- +goose Up
-- Connections to forges: servers elsewhere that have repositories.
CREATE TABLE connections (
    id         TEXT PRIMARY KEY,         -- the last part of its ARN
    name       TEXT NOT NULL UNIQUE,
    host       TEXT NOT NULL DEFAULT '', -- the ID of its host; '' for a forge that is run for everybody
    doc        TEXT NOT NULL,            -- connection.details
    sealed     TEXT NOT NULL DEFAULT '', -- user name and token, sealed for the connection
    token_hash TEXT UNIQUE,              -- SHA-256 of the last part of its payload URL
    webhook    TEXT NOT NULL DEFAULT '', -- that part and the secret, sealed for the connection
    last_seq   BIGINT NOT NULL DEFAULT 0 -- of its newest delivery
);
CREATE INDEX connections_host ON connections (host);

CREATE TABLE connection_hosts (
    id   TEXT PRIMARY KEY, -- what follows host/ in its ARN
    name TEXT NOT NULL UNIQUE,
    doc  TEXT NOT NULL     -- connection.host
);

CREATE TABLE connection_tags (
    resource TEXT NOT NULL, -- what follows the account in its ARN
    key      TEXT NOT NULL,
    value    TEXT NOT NULL,
    PRIMARY KEY (resource, key)
);

-- What the deliveries of a connection's webhook did: the newest ones. Number 0 is the last that was refused.
CREATE TABLE connection_deliveries (
    connection TEXT NOT NULL,
    seq        BIGINT NOT NULL,
    received   BIGINT NOT NULL,
    doc        TEXT NOT NULL, -- slipway.ConnectionDelivery
    PRIMARY KEY (connection, seq)
);

-- Deliveries and events that were taken, so that they are not taken again.
CREATE TABLE connection_seen (
    connection TEXT NOT NULL,
    key        TEXT NOT NULL, -- hash of a delivery's ID, or of what an event is
    expires    BIGINT NOT NULL,
    PRIMARY KEY (connection, key)
);
CREATE INDEX connection_seen_expires ON connection_seen (expires);

-- The branches and tags of repositories that pipelines watch, as they were seen last.
CREATE TABLE connection_repositories (
    connection TEXT NOT NULL,
    repository TEXT NOT NULL, -- OWNER/NAME in lower case
    looked     BIGINT NOT NULL DEFAULT 0,
    doc        TEXT NOT NULL, -- connection.seen
    PRIMARY KEY (connection, repository)
);
