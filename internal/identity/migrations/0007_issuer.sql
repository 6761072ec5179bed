-- +goose Up
-- Keys that sign identity tokens.
CREATE TABLE issuer_keys (
    id        TEXT PRIMARY KEY,
    algorithm TEXT NOT NULL, -- RS256, ES384
    sealed    TEXT NOT NULL, -- PKCS #8
    created   BIGINT NOT NULL
);
