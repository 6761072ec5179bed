-- +goose Up
-- What a report was made of. Both are empty where that is not known.
ALTER TABLE reports ADD COLUMN commit_id TEXT NOT NULL DEFAULT '';
ALTER TABLE reports ADD COLUMN branch TEXT NOT NULL DEFAULT '';
ALTER TABLE reports ADD COLUMN base TEXT NOT NULL DEFAULT ''; -- the branch that a pull request is to go to
CREATE INDEX reports_of_commit ON reports (grp, commit_id, seq);
CREATE INDEX reports_of_branch ON reports (grp, branch, seq);

-- A test that has both passed and failed on one commit.
CREATE TABLE flakes (
    grp       TEXT NOT NULL,
    prefix    TEXT NOT NULL,
    name      TEXT NOT NULL,
    commit_id TEXT NOT NULL,
    seen      BIGINT NOT NULL,
    PRIMARY KEY (grp, prefix, name, commit_id)
);
CREATE INDEX flakes_seen ON flakes (seen);

-- Tests whose failures do not count until a time.
CREATE TABLE quarantines (
    grp    TEXT NOT NULL,
    prefix TEXT NOT NULL,
    name   TEXT NOT NULL,
    owner  TEXT NOT NULL,
    reason TEXT NOT NULL,
    since  BIGINT NOT NULL,
    until  BIGINT NOT NULL,
    PRIMARY KEY (grp, prefix, name)
);
