-- +goose Up
CREATE TABLE buckets (
    name       TEXT PRIMARY KEY,
    versioning TEXT NOT NULL DEFAULT '', -- '', Enabled, Suspended
    created    BIGINT NOT NULL
);

CREATE TABLE objects (
    bucket     TEXT NOT NULL REFERENCES buckets (name),
    key        TEXT NOT NULL,
    version    TEXT NOT NULL, -- 'null' while the bucket keeps no versions
    sequence   BIGINT NOT NULL, -- grows with each write of the key
    latest     BIGINT NOT NULL,
    deleted    BIGINT NOT NULL, -- 1 for a delete marker
    blob       TEXT NOT NULL,
    size       BIGINT NOT NULL,
    etag       TEXT NOT NULL,
    meta       TEXT NOT NULL,
    modified   BIGINT NOT NULL,
    PRIMARY KEY (bucket, key, version)
);
CREATE INDEX objects_latest ON objects (bucket, key) WHERE latest = 1;

CREATE TABLE uploads (
    id      TEXT PRIMARY KEY,
    bucket  TEXT NOT NULL REFERENCES buckets (name),
    key     TEXT NOT NULL,
    meta    TEXT NOT NULL,
    started BIGINT NOT NULL
);
CREATE INDEX uploads_by_key ON uploads (bucket, key, id);

CREATE TABLE parts (
    upload   TEXT NOT NULL REFERENCES uploads (id),
    number   BIGINT NOT NULL,
    blob     TEXT NOT NULL,
    size     BIGINT NOT NULL,
    etag     TEXT NOT NULL,
    modified BIGINT NOT NULL,
    PRIMARY KEY (upload, number)
);
