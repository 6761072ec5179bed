-- +goose Up
CREATE TABLE sm_secrets (
    name     TEXT PRIMARY KEY,
    suffix   TEXT NOT NULL, -- what stands after the name in its ARN
    doc      TEXT NOT NULL,
    policy   TEXT NOT NULL DEFAULT '',
    deleted  BIGINT NOT NULL DEFAULT 0, -- when its deletion was asked for, if it is scheduled
    due      BIGINT NOT NULL DEFAULT 0  -- when it is deleted for good
);

CREATE TABLE sm_versions (
    secret   TEXT NOT NULL REFERENCES sm_secrets (name),
    id       TEXT NOT NULL,
    value    TEXT NOT NULL, -- encrypted with a key of KMS, in base64
    as_bytes BIGINT NOT NULL, -- 1 if the value was given as bytes
    kms_key  TEXT NOT NULL,
    created  BIGINT NOT NULL,
    accessed BIGINT NOT NULL DEFAULT 0, -- the day
    PRIMARY KEY (secret, id)
);

CREATE TABLE sm_stages (
    secret  TEXT NOT NULL REFERENCES sm_secrets (name),
    stage   TEXT NOT NULL,
    version TEXT NOT NULL,
    PRIMARY KEY (secret, stage)
);

CREATE TABLE sm_tags (
    secret TEXT NOT NULL REFERENCES sm_secrets (name),
    key    TEXT NOT NULL,
    value  TEXT NOT NULL,
    PRIMARY KEY (secret, key)
);
