package view

import (
	"fmt"
	"strings"

	"slipway/api/slipway"
)

// WaitingWords say what a person is asked to do.
func WaitingWords(w *slipway.Waiting) string {
	switch w.Kind {
	case slipway.WaitingKindApproval:
		return "Waiting for approval"
	case slipway.WaitingKindDeployment:
		return "Ready to shift the traffic"
	}
	if w.Paused != nil && *w.Paused {
		return fmt.Sprintf("Paused at %d %%", percent(w.Percent))
	}
	return fmt.Sprintf("Waiting for a decision at %d %%", percent(w.Percent))
}

// WaitingSentence are WaitingWords with the reason.
func WaitingSentence(w *slipway.Waiting) string {
	if because := WaitingReason(w); because != "" {
		return WaitingWords(w) + ": " + because
	}
	return WaitingWords(w)
}

// WaitingReason is why something waits for a person, where WaitingWords do not say it already.
func WaitingReason(w *slipway.Waiting) string {
	if w.Kind != slipway.WaitingKindRelease || w.Paused != nil && *w.Paused {
		return ""
	}
	return text(w.Reason)
}

// ReleaseWords say the state of a release in a few words.
func ReleaseWords(status slipway.ReleaseStatus, paused *bool, at *int32) string {
	share := fmt.Sprintf("%d %%", percent(at))
	switch status {
	case slipway.ReleaseStatusPromoted, slipway.ReleaseStatusRolledBack, slipway.ReleaseStatusRollingBack:
		return StatusWord(status)
	case slipway.ReleaseStatusAsking:
		return "Waiting for a decision at " + share
	}
	if paused != nil && *paused {
		return "Paused at " + share
	}
	return "Releasing, " + share
}

func percent(n *int32) int32 {
	if n == nil {
		return 0
	}
	return *n
}

// ServingWords say what runs in a group: "41e05c5", or "44b6e39 (failed) on host-1; 41e05c5 on host-2".
func ServingWords(g *slipway.ServingGroup) string {
	var parts []string
	for i := range g.Versions {
		v := &g.Versions[i]
		say := VersionName(v.Change, text(v.DeploymentId))
		if v.Failed != nil && *v.Failed {
			say += " (failed)"
		}
		if len(g.Versions) > 1 {
			say += " on " + Names(v.Hosts, 3)
		}
		parts = append(parts, say)
	}
	return strings.Join(parts, "; ")
}

// VersionName is what people call a version: its commit, or the deployment that brought it.
func VersionName(c *slipway.Change, deployment string) string {
	if c != nil && c.CommitId != nil {
		return Short(*c.CommitId)
	}
	return deployment
}

// Names lists names. Of many it lists the first few and says how many more there are.
func Names(all []string, most int) string {
	if len(all) <= most+1 {
		return strings.Join(all, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(all[:most], ", "), len(all)-most)
}
