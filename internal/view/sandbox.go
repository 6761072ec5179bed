package view

import (
	"slipway/api/awsproto"
	"slipway/api/codebuild"
)

// Statuses of sandboxes and of their commands that no other service has.
const (
	sandboxRuns     = "RUN_SANDBOX"
	sandboxStopping = "STOPPING"
)

// SandboxKind tells the kind of a status of a sandbox, or of a command in one.
func SandboxKind(status string) Kind {
	switch status {
	case "QUEUED", "SUBMITTED":
		return Queued
	case sandboxRuns, sandboxStopping, "PROVISIONING", "DOWNLOAD_SOURCE", "IN_PROGRESS":
		return Running
	}
	return KindOf(status)
}

// SandboxWord is the word for a status of a sandbox, or of a command in one, with a capital.
func SandboxWord(status string) string {
	switch status {
	case "QUEUED", "SUBMITTED":
		return "Queued"
	case sandboxRuns:
		return "Ready"
	case "PROVISIONING", "DOWNLOAD_SOURCE":
		return "Preparing"
	case sandboxStopping:
		return "Stopping"
	}
	return StatusWord(status)
}

// SandboxOver tells whether a sandbox, or a command in one, has ended.
func SandboxOver(status string) bool {
	k := SandboxKind(status)
	return k != Queued && k != Running
}

// SandboxSource is the version of the source that a sandbox has: the commit once it is known, else what was asked for.
func SandboxSource(x *codebuild.Sandbox) string {
	if s := x.CurrentSession; s != nil && awsproto.Value(s.ResolvedSourceVersion) != "" {
		return Short(*s.ResolvedSourceVersion)
	}
	return awsproto.Value(x.SourceVersion)
}

// SandboxTrouble is what a sandbox waits for in the queue, or why it ended, in words; "" for nothing.
func SandboxTrouble(x *codebuild.Sandbox) string {
	if x.CurrentSession == nil {
		return ""
	}
	for _, p := range x.CurrentSession.Phases {
		for _, c := range p.Contexts {
			if m := awsproto.Value(c.Message); m != "" && p.PhaseStatus != codebuild.StatusTypeSucceeded {
				return m
			}
		}
	}
	return ""
}
