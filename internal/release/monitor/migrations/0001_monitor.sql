-- +goose Up
CREATE TABLE monitor_alarms (
    name         TEXT PRIMARY KEY,
    state        TEXT NOT NULL,
    version      TEXT NOT NULL, -- another one with each change of the configuration
    doc          TEXT NOT NULL, -- cloudwatch.MetricAlarm
    contributors TEXT NOT NULL  -- of a PromQL alarm: alarm.Contributor by key
);

CREATE TABLE monitor_tags (
    alarm TEXT NOT NULL,
    key   TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (alarm, key)
);

CREATE TABLE monitor_history (
    place TEXT PRIMARY KEY, -- in the order in which it happened
    alarm TEXT NOT NULL,
    kind  TEXT NOT NULL,
    at    BIGINT NOT NULL,
    doc   TEXT NOT NULL -- cloudwatch.AlarmHistoryItem
);
CREATE INDEX monitor_history_alarm ON monitor_history (alarm, place);
