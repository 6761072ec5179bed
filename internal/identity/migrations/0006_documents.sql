-- +goose Up
-- Users, groups, roles, policies and what else decisions need, each a document with all that belongs to it. They are
-- held in memory by every server; revision tells what changed since it was read.
CREATE TABLE identity_documents (
    kind     TEXT NOT NULL, -- user, group, role, policy, …
    id       TEXT NOT NULL, -- AIDA…, AGPA…, AROA…, ANPA…
    document TEXT NOT NULL, -- JSON; '' once it is deleted
    revision BIGINT NOT NULL,
    changed  BIGINT NOT NULL,
    PRIMARY KEY (kind, id)
);
CREATE INDEX identity_documents_revision ON identity_documents (revision);

CREATE TABLE identity_revision (
    one      BIGINT PRIMARY KEY,
    revision BIGINT NOT NULL
);
INSERT INTO identity_revision (one, revision) VALUES (1, 0);

-- When a user, role or access key was last used, by service. Written in batches.
CREATE TABLE identity_uses (
    subject TEXT NOT NULL, -- AIDA…, AROA…, AKIA…
    service TEXT NOT NULL,
    region  TEXT NOT NULL,
    used    BIGINT NOT NULL,
    PRIMARY KEY (subject, service)
);

-- Sign-ins at the pages.
CREATE TABLE sign_ins (
    id         TEXT PRIMARY KEY, -- SHA-256 of the cookie
    owner      TEXT NOT NULL, -- AIDA…
    csrf       TEXT NOT NULL,
    expires    BIGINT NOT NULL,
    created    BIGINT NOT NULL,
    access_key TEXT NOT NULL, -- that it was begun with: it ends with the key; '' for none
    document   TEXT NOT NULL -- JSON: how it began
);
CREATE INDEX sign_ins_expiry ON sign_ins (expires);
CREATE INDEX sign_ins_owner ON sign_ins (owner);
CREATE INDEX sign_ins_key ON sign_ins (access_key);
INSERT INTO sign_ins (id, owner, csrf, expires, created, access_key, document)
    SELECT x.id, u.id, x.csrf, x.expires, x.created, x.access_key, '{}' FROM sessions x JOIN users u ON u.name = x.owner;
