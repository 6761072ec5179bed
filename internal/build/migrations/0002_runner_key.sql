-- +goose Up
ALTER TABLE runners ADD COLUMN key TEXT NOT NULL DEFAULT ''; -- the access key that the name belongs to
CREATE INDEX runners_key ON runners (key);
