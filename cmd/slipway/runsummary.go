package main

import (
	"fmt"
	"strings"
	"time"

	"slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/view"
)

// summary returns the result of a build: failed tests first, phases, reports, coverage, artifacts, and the cause of a
// failure.
func summary(r *slipway.Result, took time.Duration) string {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	say("\n%s in %s", r.Status, took.Round(time.Millisecond))
	for _, report := range r.Reports {
		failedTests(say, &report)
	}
	for _, p := range r.Phases {
		if p.EndTime == nil || p.StartTime == nil {
			continue
		}
		lasted := p.EndTime.Sub(p.StartTime.Time)
		if lasted < time.Millisecond && p.PhaseStatus == codebuild.StatusTypeSucceeded {
			continue // nothing was asked of it
		}
		say("  %-16s %-10s %s", p.PhaseType, p.PhaseStatus, lasted.Round(time.Millisecond))
	}
	for _, report := range r.Reports {
		reported(say, &report)
	}
	for _, a := range r.Artifacts {
		name := "artifact"
		if a.ArtifactIdentifier != nil {
			name += " " + *a.ArtifactIdentifier
		}
		say("  %s: %s", name, *a.Location)
	}
	for _, v := range r.Exported {
		say("  exported %s=%s", *v.Name, *v.Value)
	}
	cause(say, r)
	return b.String()
}

// cause says why a build failed.
func cause(say func(string, ...any), r *slipway.Result) {
	c := r.Cause
	if c == nil {
		return
	}
	why := view.Cause(slipway.Work{Cause: c})
	if why == "" && c.Command == "" && len(c.Lines) == 0 {
		return // it was stopped
	}
	say("\nwhy: %s", why)
	if advice := view.Advice(c.Finding); advice != "" {
		say("  %s", advice)
	}
	if c.Command != "" && !strings.Contains(why, c.Command) {
		say("  command in %s: %s", c.Phase, c.Command)
	}
	for _, line := range c.Lines {
		say("  %s", *line.Text)
	}
}

// failedTests names each test that did not pass.
func failedTests(say func(string, ...any), report *slipway.Report) {
	for _, c := range report.Cases {
		if s := *c.Status; s == "FAILED" || s == "ERROR" {
			message := ""
			if c.Message != nil {
				message = ": " + *c.Message
			}
			say("  failed %s%s (report %s)", *c.Name, message, report.Name)
		}
	}
}

// reported says how many tests passed, or how much of the code ran.
func reported(say func(string, ...any), report *slipway.Report) {
	if report.Error != "" {
		say("  report %s: %s", report.Name, report.Error)
	}
	if c := report.Coverage; c != nil {
		line := covered(c.LinesCovered, c.LinesMissed, "lines")
		if c.BranchesCovered+c.BranchesMissed > 0 {
			line += ", " + covered(c.BranchesCovered, c.BranchesMissed, "branches")
		}
		say("  coverage %s: %s", report.Name, line)
		return
	}
	total := int32(0)
	for _, n := range report.Counts {
		total += n
	}
	if total == 0 && report.Error != "" {
		return
	}
	line := fmt.Sprintf("%d tests, %d failed", total, report.Counts["FAILED"]+report.Counts["ERROR"])
	if n := report.Counts["SKIPPED"]; n > 0 {
		line += fmt.Sprintf(", %d skipped", n)
	}
	say("  report %s: %s", report.Name, line)
}

func covered(ran, missed int32, what string) string {
	total := int64(ran) + int64(missed)
	if total == 0 {
		return "no " + what
	}
	return fmt.Sprintf("%.1f %% of %d %s", 100*float64(ran)/float64(total), total, what)
}
