-- +goose Up
-- What clients said of a log group. A group exists by its folder in the journal.
CREATE TABLE log_groups (
    name      TEXT PRIMARY KEY,
    retention BIGINT NOT NULL DEFAULT 0 -- days; 0 for ever
);

CREATE TABLE log_group_tags (
    log_group TEXT NOT NULL,
    key       TEXT NOT NULL,
    value     TEXT NOT NULL,
    PRIMARY KEY (log_group, key)
);

-- The streams that clients made and put events into.
CREATE TABLE log_streams (
    log_group TEXT NOT NULL,
    name      TEXT NOT NULL,
    created   BIGINT NOT NULL,
    PRIMARY KEY (log_group, name)
);
