-- +goose Up
ALTER TABLE sessions ADD COLUMN access_key TEXT NOT NULL DEFAULT ''; -- that it was begun with: it ends with the key
ALTER TABLE sessions ADD COLUMN created BIGINT NOT NULL DEFAULT 0;
CREATE INDEX sessions_key ON sessions (access_key);
CREATE INDEX sessions_owner ON sessions (owner);
CREATE INDEX access_keys_owner ON access_keys (owner);
CREATE INDEX git_credentials_owner ON git_credentials (owner);
