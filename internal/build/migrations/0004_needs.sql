-- +goose Up
-- What the build needs of its runner. Builds of before ran on the runner's machine.
ALTER TABLE builds ADD COLUMN needs TEXT NOT NULL DEFAULT 'host';
CREATE INDEX builds_by_needs ON builds (state, needs, seq);

-- What stands for an image that projects name.
CREATE TABLE images (
    name    TEXT PRIMARY KEY, -- of an image, or the start of names with * behind it
    image   TEXT NOT NULL,
    changed BIGINT NOT NULL
);
