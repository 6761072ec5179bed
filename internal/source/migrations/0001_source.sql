-- +goose Up
CREATE TABLE repositories (
    id       TEXT PRIMARY KEY,
    name     TEXT NOT NULL UNIQUE,
    doc      TEXT NOT NULL, -- codecommit.RepositoryMetadata
    modified BIGINT NOT NULL
);

-- What is known, and was told, of each repository's refs; Git holds the truth.
CREATE TABLE refs (
    repository TEXT NOT NULL REFERENCES repositories (id),
    name       TEXT NOT NULL,
    object     TEXT NOT NULL,
    PRIMARY KEY (repository, name)
);

CREATE TABLE repository_tags (
    repository TEXT NOT NULL REFERENCES repositories (id),
    key        TEXT NOT NULL,
    value      TEXT NOT NULL,
    PRIMARY KEY (repository, key)
);
