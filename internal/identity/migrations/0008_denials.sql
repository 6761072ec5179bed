-- +goose Up
-- What policies refused, by principal, action and resource. Written in batches, and bounded.
CREATE TABLE identity_denials (
    id         TEXT PRIMARY KEY, -- SHA-256 of principal, action and resource, which may be long
    principal  TEXT NOT NULL, -- ARN of the user or the role
    action     TEXT NOT NULL,
    resource   TEXT NOT NULL,
    denied     BIGINT NOT NULL, -- how often
    first_time BIGINT NOT NULL,
    last_time  BIGINT NOT NULL,
    document   TEXT NOT NULL -- JSON: how the last one was refused
);
CREATE INDEX identity_denials_time ON identity_denials (last_time, id);
CREATE INDEX identity_denials_principal ON identity_denials (principal, last_time, id);

-- The provider by which a session began; '' for none. Who came by a provider before this was known signs in again.
ALTER TABLE sign_ins ADD COLUMN provider TEXT NOT NULL DEFAULT '';
DELETE FROM sign_ins WHERE document LIKE '%"way":"identity provider"%';
CREATE INDEX sign_ins_provider ON sign_ins (provider);
