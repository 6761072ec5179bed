-- +goose Up
-- Deployments in flight by their age: what waits for a person is on every page.
CREATE INDEX deploy_deployments_inflight ON deploy_deployments (place) WHERE live = 1;
