-- +goose Up
-- The documents of a bucket's sub-resources; see package setting.
CREATE TABLE bucket_settings (
    bucket TEXT NOT NULL REFERENCES buckets (name),
    name   TEXT NOT NULL, -- tagging, policy, lifecycle, …
    doc    TEXT NOT NULL,
    PRIMARY KEY (bucket, name)
);
CREATE INDEX uploads_by_start ON uploads (bucket, started);
