-- +goose Up
-- The deployment whose unpacked bundle a restart uses again.
ALTER TABLE deploy_deployments ADD COLUMN reuse TEXT NOT NULL DEFAULT '';
