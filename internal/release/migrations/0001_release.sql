-- +goose Up
CREATE TABLE release_policies (
    application TEXT NOT NULL, -- its name
    grp         TEXT NOT NULL, -- the deployment group's name
    updated     BIGINT NOT NULL,
    updated_by  TEXT NOT NULL,
    doc         TEXT NOT NULL, -- slipway.ReleasePolicy
    PRIMARY KEY (application, grp)
);

CREATE TABLE release_releases (
    deployment  TEXT PRIMARY KEY,
    place       TEXT NOT NULL UNIQUE, -- in the order of creation
    application TEXT NOT NULL,
    grp         TEXT NOT NULL,
    status      TEXT NOT NULL,
    live        INTEGER NOT NULL,
    created     BIGINT NOT NULL,
    ended       BIGINT NOT NULL, -- 0 while it lives
    doc         TEXT NOT NULL, -- release.Release
    policy      TEXT NOT NULL, -- slipway.ReleasePolicy as it was when the release began; null for none
    state       TEXT NOT NULL, -- shift.State
    notes       TEXT NOT NULL, -- []slipway.ReleaseNote: who did what
    trouble     TEXT NOT NULL  -- why the router does not do as it is told; '' while it does
);
CREATE INDEX release_releases_group ON release_releases (application, grp, place);
CREATE INDEX release_releases_live ON release_releases (live, place);
