-- +goose Up
CREATE TABLE leases (
    name   TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    until  BIGINT NOT NULL
);

-- Jobs that tell of an event belong to one subscriber each.
UPDATE jobs SET kind = kind || '.pipelines' WHERE kind IN ('event.push', 'event.build-ended', 'event.deployment-ended');
