-- +goose Up
CREATE TABLE jobs (
    kind         TEXT NOT NULL,
    key          TEXT NOT NULL,
    payload      TEXT NOT NULL,
    run_at       BIGINT NOT NULL,
    attempt      BIGINT NOT NULL DEFAULT 0,
    generation   BIGINT NOT NULL DEFAULT 1,
    leased_until BIGINT NOT NULL DEFAULT 0,
    last_error   TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (kind, key)
);
CREATE INDEX jobs_due ON jobs (kind, run_at);

CREATE TABLE tokens (
    scope        TEXT NOT NULL,
    token        TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    response     TEXT NOT NULL,
    expires      BIGINT NOT NULL,
    PRIMARY KEY (scope, token)
);
CREATE INDEX tokens_expiry ON tokens (expires);
