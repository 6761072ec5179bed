-- +goose Up
-- Which side of a blue/green group carries the traffic: 'blue' or 'green'; '' before its first deployment.
ALTER TABLE deploy_groups ADD COLUMN side TEXT NOT NULL DEFAULT '';
-- What a deployment does to traffic: deploy.traffic; 'null' for nothing.
ALTER TABLE deploy_deployments ADD COLUMN traffic TEXT NOT NULL DEFAULT 'null';
-- The deployment puts traffic back, and waits for that.
ALTER TABLE deploy_deployments ADD COLUMN undoing INTEGER NOT NULL DEFAULT 0;
-- 'Blue' for an original, 'Green' for a replacement; '' in a deployment in place.
ALTER TABLE deploy_targets ADD COLUMN label TEXT NOT NULL DEFAULT '';
-- The host joins or leaves target groups, and waits for that.
ALTER TABLE deploy_targets ADD COLUMN moving INTEGER NOT NULL DEFAULT 0;
CREATE INDEX deploy_targets_moving ON deploy_targets (deployment, target) WHERE moving = 1;
-- HOST:PORT of the instance's service; '' if it did not say.
ALTER TABLE deploy_instances ADD COLUMN service TEXT NOT NULL DEFAULT '';

-- Which addresses of hosts were put into which target groups: a host that has moved is still taken out where it was put in.
CREATE TABLE deploy_members (
    target_group TEXT NOT NULL, -- its ARN
    host         TEXT NOT NULL,
    address      TEXT NOT NULL, -- HOST:PORT
    PRIMARY KEY (target_group, host, address)
);
