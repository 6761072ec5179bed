-- +goose Up
CREATE TABLE kms_keys (
    id        TEXT PRIMARY KEY,
    state     TEXT NOT NULL, -- Enabled, Disabled, PendingDeletion
    doc       TEXT NOT NULL,
    policy    TEXT NOT NULL,
    deletion  BIGINT NOT NULL DEFAULT 0, -- when it is deleted, if it is pending
    period    BIGINT NOT NULL DEFAULT 0, -- days from one rotation to the next; 0 for none
    next      BIGINT NOT NULL DEFAULT 0  -- when it is rotated next
);

-- The materials of a key: the newest encrypts, all of them decrypt.
CREATE TABLE kms_materials (
    kms_key TEXT NOT NULL REFERENCES kms_keys (id),
    version BIGINT NOT NULL,
    sealed  TEXT NOT NULL,
    kind    TEXT NOT NULL, -- '' for the first, AUTOMATIC, ON_DEMAND
    created BIGINT NOT NULL,
    PRIMARY KEY (kms_key, version)
);

CREATE TABLE kms_aliases (
    name    TEXT PRIMARY KEY,
    kms_key TEXT NOT NULL REFERENCES kms_keys (id),
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL
);
CREATE INDEX kms_aliases_of_key ON kms_aliases (kms_key, name);

CREATE TABLE kms_tags (
    kms_key TEXT NOT NULL REFERENCES kms_keys (id),
    key     TEXT NOT NULL,
    value   TEXT NOT NULL,
    PRIMARY KEY (kms_key, key)
);
