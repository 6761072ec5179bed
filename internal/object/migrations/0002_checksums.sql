-- +goose Up
ALTER TABLE parts ADD COLUMN checksum TEXT NOT NULL DEFAULT '';
-- Which blob belongs to what is asked at each start.
CREATE INDEX objects_blob ON objects (blob);
CREATE INDEX parts_blob ON parts (blob);
