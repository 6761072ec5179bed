-- +goose Up
ALTER TABLE jobs ADD COLUMN leased_by TEXT NOT NULL DEFAULT '';
