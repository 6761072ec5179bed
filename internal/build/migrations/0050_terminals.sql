-- +goose Up
-- Terminals that people were given a token for, in sandboxes.
CREATE TABLE terminal_sessions (
    id      TEXT PRIMARY KEY,
    build   TEXT NOT NULL,             -- PROJECT:UUID
    serial  BIGINT NOT NULL,           -- counts the sessions of the build from 1
    token   TEXT NOT NULL,             -- the SHA-256 of the token; '' once it was used
    expires BIGINT NOT NULL,           -- until when the token can be used
    caller  TEXT NOT NULL,             -- who asked for it
    ended   BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX terminal_sessions_of_build ON terminal_sessions (build, serial);
