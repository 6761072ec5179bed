-- +goose Up
ALTER TABLE access_keys ADD COLUMN active BIGINT NOT NULL DEFAULT 1; -- 0 opens nothing
