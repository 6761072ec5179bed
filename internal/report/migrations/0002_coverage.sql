-- +goose Up
ALTER TABLE reports ADD COLUMN files TEXT NOT NULL DEFAULT ''; -- []slipway.FileCoverage of a report of coverage, packed
