-- +goose Up
CREATE TABLE ec2_groups (
    id          TEXT PRIMARY KEY,
    name        TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL,
    created     BIGINT NOT NULL
);

CREATE TABLE ec2_rules (
    id       TEXT PRIMARY KEY,
    grp      TEXT NOT NULL REFERENCES ec2_groups (id),
    identity TEXT NOT NULL, -- what makes two rules of a group the same
    doc      TEXT NOT NULL,
    UNIQUE (grp, identity)
);

CREATE TABLE ec2_tags (
    resource TEXT NOT NULL,
    key      TEXT NOT NULL,
    value    TEXT NOT NULL,
    PRIMARY KEY (resource, key)
);
