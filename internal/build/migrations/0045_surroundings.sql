-- +goose Up
-- What the build ran in, as its runner found it: slipway.Surroundings. {} is not known.
ALTER TABLE builds ADD COLUMN surroundings TEXT NOT NULL DEFAULT '{}';
