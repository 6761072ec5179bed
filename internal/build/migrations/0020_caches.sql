-- +goose Up
-- What is known of the caches that builds keep, on runners and in buckets.
CREATE TABLE caches (
    place   TEXT NOT NULL, -- s3://BUCKET/PREFIX, or a runner's name
    scope   TEXT NOT NULL, -- whose builds share it: an ARN, with a pull request behind it
    version TEXT NOT NULL, -- of its directories
    key     TEXT NOT NULL,
    project TEXT NOT NULL, -- whose build saved it last
    doc     TEXT NOT NULL, -- slipway.CacheUse
    used    BIGINT NOT NULL,
    hits    BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (place, scope, version, key)
);
CREATE INDEX caches_of_scope ON caches (scope, used);

-- When the caches of a scope were invalidated last.
CREATE TABLE cache_resets (
    scope TEXT PRIMARY KEY,
    at    BIGINT NOT NULL
);
