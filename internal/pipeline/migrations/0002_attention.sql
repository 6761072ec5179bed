-- +goose Up
ALTER TABLE pipelines ADD COLUMN attention BIGINT NOT NULL DEFAULT 3; -- 0 it failed, 1 it waits for somebody, 2 it moves, 3 it is at rest
CREATE INDEX pipelines_attention ON pipelines (attention, name);
