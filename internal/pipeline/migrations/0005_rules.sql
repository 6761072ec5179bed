-- +goose Up
-- What rules of conditions wait for: an alarm, a build. Several may wait for one alarm.
CREATE TABLE pipeline_rule_waits (
    kind      TEXT NOT NULL,
    external  TEXT NOT NULL, -- its ID
    pipeline  TEXT NOT NULL REFERENCES pipelines (name),
    execution TEXT NOT NULL,
    rule      TEXT NOT NULL, -- the rule execution
    PRIMARY KEY (kind, external, rule)
);
CREATE INDEX pipeline_rule_waits_of ON pipeline_rule_waits (pipeline);
CREATE INDEX pipeline_rule_waits_rule ON pipeline_rule_waits (rule);
