-- +goose Up
ALTER TABLE users ADD COLUMN password TEXT NOT NULL DEFAULT ''; -- argon2id, '' for none
ALTER TABLE users ADD COLUMN password_set BIGINT NOT NULL DEFAULT 0;
