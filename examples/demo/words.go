package main

import (
	"fmt"
	"strings"

	"slipway/api/codepipeline"
	"slipway/api/slipway"
)

// stateWord is the status of a stage in the words of Slipway's pages.
func stateWord(stage string, status codepipeline.StageExecutionStatus) string {
	switch {
	case status != codepipeline.StageExecutionStatusInProgress:
		return string(status)
	case stage == approveStage:
		return "Waiting for approval"
	}
	return "Running"
}

// releaseWords says where a release is.
func releaseWords(r *slipway.Release) string {
	share := fmt.Sprintf("%d %% of the traffic goes to the new version", value(r.Percent))
	switch r.Status {
	case slipway.ReleaseStatusShifting:
		return share + "; it is being moved"
	case slipway.ReleaseStatusWaiting:
		return share + "; requests are collected"
	case slipway.ReleaseStatusAnalysing:
		return share + "; both versions are compared"
	case slipway.ReleaseStatusPromoted:
		return "Promoted: all of the traffic goes to the new version"
	case slipway.ReleaseStatusRolledBack:
		return "Rolled back: all of the traffic goes to the old version"
	}
	return share + "; " + strings.ToLower(strings.ReplaceAll(string(r.Status), "_", " "))
}

// decisionWord is what a verdict decided.
func decisionWord(d slipway.ReleaseDecision) string {
	switch d {
	case slipway.ReleaseDecisionPromote:
		return "go on"
	case slipway.ReleaseDecisionRollBack:
		return "roll back"
	}
	return "uncertain"
}
