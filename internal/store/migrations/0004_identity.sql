-- +goose Up
-- What a data folder must agree with: see Identity.
CREATE TABLE identity (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
