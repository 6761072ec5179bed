-- +goose Up
-- What everybody may see: by the last part of a badge's URL, or by the alias of a public project.
CREATE TABLE public_projects (
    token   TEXT PRIMARY KEY,
    kind    TEXT NOT NULL, -- badge, alias
    project TEXT NOT NULL,
    UNIQUE (project, kind)
);

-- Resource policies of projects and report groups.
CREATE TABLE resource_policies (
    arn      TEXT PRIMARY KEY,
    policy   TEXT NOT NULL,
    modified BIGINT NOT NULL
);
