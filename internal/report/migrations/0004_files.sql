-- +goose Up
ALTER TABLE reports ADD COLUMN attachments TEXT NOT NULL DEFAULT ''; -- []slipway.ReportFile

-- The files that the tests of a build have left. Those of a report that was recorded name it.
CREATE TABLE report_files (
    build   TEXT NOT NULL, -- its ID
    name    TEXT NOT NULL, -- of the report, as the buildspec has it
    sha256  TEXT NOT NULL,
    report  TEXT NOT NULL DEFAULT '', -- its ARN, once it is recorded
    blob    TEXT NOT NULL,
    size    BIGINT NOT NULL, -- in bytes
    created BIGINT NOT NULL,
    PRIMARY KEY (build, name, sha256)
);
CREATE INDEX report_files_of_report ON report_files (report, sha256);
CREATE INDEX report_files_created ON report_files (created);
CREATE INDEX report_files_blob ON report_files (blob);
