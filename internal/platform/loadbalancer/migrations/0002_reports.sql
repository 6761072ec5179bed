-- +goose Up
-- What each router reported last, for the other servers that work on the database.
ALTER TABLE lb_routers ADD COLUMN report TEXT NOT NULL DEFAULT '';
