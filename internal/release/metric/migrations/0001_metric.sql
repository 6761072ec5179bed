-- +goose Up
-- What was measured, in slots of ten seconds. Several rows of a slot add up.
CREATE TABLE metric_rows (
    series TEXT NOT NULL,
    time   BIGINT NOT NULL, -- the beginning of the slot, in seconds
    writer TEXT NOT NULL,   -- of this process and write alone
    doc    TEXT NOT NULL,   -- metric.Traffic or metric.Summary
    PRIMARY KEY (series, time, writer)
);
CREATE INDEX metric_rows_time ON metric_rows (time);

CREATE TABLE metric_series (
    series TEXT PRIMARY KEY,
    seen   BIGINT NOT NULL -- when it was measured last, to the hour, in seconds
);
