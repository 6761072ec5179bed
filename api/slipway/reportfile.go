package slipway

// ReportFilePath is where a server has the files that tests have left, such as pictures of pages. Requests are signed
// for this service. A PUT with the parameters id (of a build), runner and report keeps its body, whose SHA-256 is
// signed: only the runner in whose hands the build is may do that. A GET with the parameters report (its ARN) and file
// (the SHA-256) returns a file.
const ReportFilePath = "/v1/report-file"

// Limits of the files that tests leave.
const (
	MaxReportFile  = 256 << 20 // bytes of one
	MaxReportFiles = 1 << 30   // bytes of all of a build
)
