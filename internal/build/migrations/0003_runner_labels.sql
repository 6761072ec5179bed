-- +goose Up
ALTER TABLE runners ADD COLUMN labels TEXT NOT NULL DEFAULT '[]'; -- what the runner says that it can, as JSON
