-- +goose Up
CREATE TABLE user_policies (
    owner    TEXT NOT NULL REFERENCES users (name),
    name     TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (owner, name)
);
