-- +goose Up
CREATE TABLE sns_topics (
    name       TEXT PRIMARY KEY,
    attributes TEXT NOT NULL,
    deleted    BIGINT NOT NULL DEFAULT 0, -- how many subscriptions were deleted
    created    BIGINT NOT NULL
);

CREATE TABLE sns_tags (
    topic TEXT NOT NULL REFERENCES sns_topics (name),
    key   TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (topic, key)
);

CREATE TABLE sns_subscriptions (
    id         TEXT PRIMARY KEY,
    topic      TEXT NOT NULL REFERENCES sns_topics (name),
    protocol   TEXT NOT NULL,
    endpoint   TEXT NOT NULL,
    confirmed  BIGINT NOT NULL,
    token      TEXT NOT NULL, -- the SHA-256 of the token that confirms it
    expires    BIGINT NOT NULL, -- of the token
    guarded    BIGINT NOT NULL DEFAULT 0, -- 1 if only a signed request ends it
    attributes TEXT NOT NULL,
    created    BIGINT NOT NULL,
    UNIQUE (topic, protocol, endpoint)
);
CREATE INDEX sns_subscriptions_by_token ON sns_subscriptions (token);

-- The key that messages are signed with, and its certificate.
CREATE TABLE sns_signing (
    id          BIGINT PRIMARY KEY,
    sealed      TEXT NOT NULL,
    certificate TEXT NOT NULL
);
