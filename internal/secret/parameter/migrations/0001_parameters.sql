-- +goose Up
-- The newest version of a parameter is the one of its row.
CREATE TABLE ssm_parameters (
    name    TEXT PRIMARY KEY,
    version BIGINT NOT NULL
);

CREATE TABLE ssm_versions (
    parameter TEXT NOT NULL REFERENCES ssm_parameters (name),
    version   BIGINT NOT NULL,
    doc       TEXT NOT NULL,
    value     TEXT NOT NULL, -- sealed under the server's key, or encrypted with a key of KMS
    PRIMARY KEY (parameter, version)
);

CREATE TABLE ssm_labels (
    parameter TEXT NOT NULL REFERENCES ssm_parameters (name),
    label     TEXT NOT NULL,
    version   BIGINT NOT NULL,
    PRIMARY KEY (parameter, label)
);

CREATE TABLE ssm_tags (
    parameter TEXT NOT NULL REFERENCES ssm_parameters (name),
    key       TEXT NOT NULL,
    value     TEXT NOT NULL,
    PRIMARY KEY (parameter, key)
);
