-- +goose Up
CREATE TABLE fleets (
    arn      TEXT PRIMARY KEY,
    name     TEXT NOT NULL UNIQUE,
    doc      TEXT NOT NULL, -- codebuild.Fleet, without what changes by itself
    created  BIGINT NOT NULL,
    modified BIGINT NOT NULL
);
CREATE INDEX fleets_created ON fleets (created, name);
CREATE INDEX fleets_modified ON fleets (modified, name);

-- The ARN of the fleet that a build is for, and whether it runs outside of it, because the fleet had no free capacity.
ALTER TABLE builds ADD COLUMN fleet TEXT NOT NULL DEFAULT '';
ALTER TABLE builds ADD COLUMN overflow BIGINT NOT NULL DEFAULT 0;
DROP INDEX builds_by_needs;
CREATE INDEX builds_by_needs ON builds (state, fleet, needs, seq);

-- The name of the fleet that a runner is of, and how many builds it runs at a time.
ALTER TABLE runners ADD COLUMN fleet TEXT NOT NULL DEFAULT '';
ALTER TABLE runners ADD COLUMN slots BIGINT NOT NULL DEFAULT 0;
CREATE INDEX runners_of_fleet ON runners (fleet, seen);
