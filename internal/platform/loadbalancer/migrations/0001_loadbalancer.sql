-- +goose Up
CREATE TABLE lb_version (
    id      BIGINT PRIMARY KEY, -- 1
    version BIGINT NOT NULL     -- of the routers' table
);
INSERT INTO lb_version (id, version) VALUES (1, 0);

CREATE TABLE lb_balancers (
    arn        TEXT PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    version    BIGINT NOT NULL, -- of the table when it was made
    attributes TEXT NOT NULL,   -- those that were set
    doc        TEXT NOT NULL    -- elbv2.LoadBalancer
);

CREATE TABLE lb_listeners (
    arn          TEXT PRIMARY KEY,
    balancer     TEXT NOT NULL REFERENCES lb_balancers (arn),
    port         BIGINT NOT NULL UNIQUE, -- a router opens a port once
    certificates TEXT NOT NULL,          -- ARNs, the default one first
    attributes   TEXT NOT NULL,
    doc          TEXT NOT NULL           -- elbv2.Listener, without actions: they are those of the default rule
);
CREATE INDEX lb_listeners_balancer ON lb_listeners (balancer);

CREATE TABLE lb_rules (
    arn      TEXT PRIMARY KEY,
    listener TEXT NOT NULL REFERENCES lb_listeners (arn),
    priority BIGINT NOT NULL, -- 1000000 for the default rule
    version  BIGINT NOT NULL, -- of the table since which the actions are these
    doc      TEXT NOT NULL    -- elbv2.Rule, without priority
);
CREATE INDEX lb_rules_listener ON lb_rules (listener, priority);

CREATE TABLE lb_groups (
    arn        TEXT PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    attributes TEXT NOT NULL,
    doc        TEXT NOT NULL -- elbv2.TargetGroup, without load balancers
);

CREATE TABLE lb_uses ( -- which rule forwards to which group
    rule           TEXT NOT NULL REFERENCES lb_rules (arn),
    balancer       TEXT NOT NULL,
    target_group TEXT NOT NULL REFERENCES lb_groups (arn),
    PRIMARY KEY (rule, target_group)
);
CREATE INDEX lb_uses_group ON lb_uses (target_group);

CREATE TABLE lb_targets (
    target_group TEXT NOT NULL REFERENCES lb_groups (arn),
    id             TEXT NOT NULL, -- an IP address
    port           BIGINT NOT NULL,
    zone           TEXT NOT NULL,
    draining       BIGINT NOT NULL, -- when its draining ends at the latest; 0 for one that is registered
    version        BIGINT NOT NULL, -- of the table since which it is so
    PRIMARY KEY (target_group, id, port)
);

CREATE TABLE lb_tags (
    arn   TEXT NOT NULL,
    key   TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (arn, key)
);

CREATE TABLE lb_certificates (
    arn   TEXT PRIMARY KEY,
    name  TEXT NOT NULL UNIQUE,
    body  TEXT NOT NULL, -- PEM
    chain TEXT NOT NULL, -- PEM
    key   TEXT NOT NULL, -- PEM, sealed
    doc   TEXT NOT NULL  -- iam.ServerCertificateMetadata
);

CREATE TABLE lb_routers (
    name TEXT PRIMARY KEY,
    seen BIGINT NOT NULL -- when it was first heard of by the server's last process
);
