-- +goose Up
CREATE TABLE report_groups (
    arn      TEXT PRIMARY KEY,
    name     TEXT NOT NULL UNIQUE,
    doc      TEXT NOT NULL, -- codebuild.ReportGroup
    created  BIGINT NOT NULL,
    modified BIGINT NOT NULL
);

CREATE TABLE reports (
    arn     TEXT PRIMARY KEY,
    seq     BIGINT NOT NULL, -- in the order of their making
    grp     TEXT NOT NULL,   -- the group's ARN
    status  TEXT NOT NULL,
    created BIGINT NOT NULL,
    doc     TEXT NOT NULL,   -- codebuild.Report
    cases   TEXT NOT NULL    -- []codebuild.TestCase, 500 at most
);
CREATE INDEX reports_seq ON reports (seq);
CREATE INDEX reports_of_group ON reports (grp, seq);
CREATE INDEX reports_created ON reports (created);
