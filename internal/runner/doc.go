// Package runner runs builds. Serve is the process that takes them from a server, Local builds a working tree in
// place; both use Run.
//
// A build's commands run in one long-lived shell, closed in by bubblewrap where that works. A runner keeps a record of
// each build, so that after whatever crash no command runs twice and no build is left without an end.
package runner
