-- +goose Up
CREATE TABLE users (
    name    TEXT PRIMARY KEY,
    id      TEXT NOT NULL UNIQUE, -- AIDA…
    arn     TEXT NOT NULL UNIQUE,
    role    TEXT NOT NULL, -- administrator, host, runner, nobody
    created BIGINT NOT NULL
);

CREATE TABLE access_keys (
    id      TEXT PRIMARY KEY, -- AKIA…
    owner   TEXT NOT NULL REFERENCES users (name),
    secret  TEXT NOT NULL, -- sealed
    created BIGINT NOT NULL
);

CREATE TABLE git_credentials (
    id       TEXT PRIMARY KEY, -- ACCA…
    owner    TEXT NOT NULL REFERENCES users (name),
    username TEXT NOT NULL UNIQUE, -- NAME-at-ACCOUNT
    password TEXT NOT NULL, -- SHA-256
    created  BIGINT NOT NULL
);

CREATE TABLE sessions (
    id      TEXT PRIMARY KEY, -- SHA-256 of the cookie
    owner   TEXT NOT NULL REFERENCES users (name),
    csrf    TEXT NOT NULL,
    expires BIGINT NOT NULL
);
CREATE INDEX sessions_expiry ON sessions (expires);
