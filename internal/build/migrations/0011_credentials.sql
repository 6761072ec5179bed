-- +goose Up
-- What opens the repositories of a kind of forge.
CREATE TABLE source_credentials (
    server_type TEXT PRIMARY KEY,         -- codebuild.ServerType
    auth_type   TEXT NOT NULL,            -- codebuild.AuthType
    resource    TEXT NOT NULL DEFAULT '', -- the ARN of the secret that has them
    sealed      TEXT NOT NULL             -- user name and token, sealed for the kind of forge
);
