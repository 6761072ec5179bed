package release

import (
	"context"
	"testing"
	"time"

	"slipway/api/slipway"
	"slipway/internal/web/kit"
	"slipway/internal/web/webtest"
)

const deploymentID = "d-ABCDEFGHI"

// releases has one release, half way.
type releases struct {
	slipway.Unimplemented
	paused *string // the reason given
}

func (releases) ListReleases(context.Context, *slipway.ListReleasesInput) (*slipway.ListReleasesOutput, error) {
	return &slipway.ListReleasesOutput{Releases: []slipway.ReleaseSummary{{
		DeploymentId:        new(deploymentID),
		ApplicationName:     new("shop"),
		DeploymentGroupName: new("prod"),
		Status:              slipway.ReleaseStatusShifting,
		Percent:             new(int32(10)),
		StartTime:           webtest.At(time.Minute),
	}}}, nil
}

func (releases) DescribeChanges(context.Context,
	*slipway.DescribeChangesInput) (*slipway.DescribeChangesOutput, error) {
	return &slipway.DescribeChangesOutput{Changes: map[string]slipway.Change{
		deploymentID: {Subject: new("Greet more kindly"), CommitId: new("1234567890")},
	}}, nil
}

func (releases) GetRelease(_ context.Context, in *slipway.GetReleaseInput) (*slipway.GetReleaseOutput, error) {
	if *in.DeploymentId != deploymentID {
		return nil, &slipway.ReleaseNotFoundException{Message: "There is no release of " + *in.DeploymentId}
	}
	return &slipway.GetReleaseOutput{Release: &slipway.Release{
		DeploymentId:        new(deploymentID),
		ApplicationName:     new("shop"),
		DeploymentGroupName: new("prod"),
		Status:              slipway.ReleaseStatusShifting,
		Percent:             new(int32(10)),
		WantedPercent:       new(int32(10)),
		StartTime:           webtest.At(time.Minute),
		Message:             new("The new version has 10 % of the traffic."),
		Steps: []slipway.ReleaseStepState{
			{
				Percent:      new(int32(10)),
				WaitSeconds:  new(int32(600)),
				StartTime:    webtest.At(time.Minute),
				InEffectTime: webtest.At(time.Minute),
			},
			{Percent: new(int32(100)), PlannedTime: webtest.At(-9 * time.Minute)},
		},
	}}, nil
}

func (releases) GetReleaseTraffic(context.Context,
	*slipway.GetReleaseTrafficInput) (*slipway.GetReleaseTrafficOutput, error) {
	return &slipway.GetReleaseTrafficOutput{IntervalSeconds: new(int32(60))}, nil
}

func (releases) ListServing(context.Context, *slipway.ListServingInput) (*slipway.ListServingOutput, error) {
	return &slipway.ListServingOutput{}, nil
}

func (r releases) PauseRelease(_ context.Context,
	in *slipway.PauseReleaseInput) (*slipway.PauseReleaseOutput, error) {
	*r.paused = *in.Reason
	return &slipway.PauseReleaseOutput{}, nil
}

func TestPages(t *testing.T) {
	paused := ""
	p := webtest.Open(t, Routes, kit.Config{Slipway: releases{paused: &paused}})
	p.Shows("/releases", "Greet more kindly", "10 %")
	p.Shows("/releases/"+deploymentID, "The new version has 10 % of the traffic", "At 12:09:00 UTC it moves to 100 %",
		"Greet more kindly")
	if got := p.Status("/releases/d-000000000"); got != 404 {
		t.Errorf("a release that is not there answers %d", got)
	}
	to := p.Send("/releases/"+deploymentID+"/pause", map[string][]string{"reason": {" lunch "}})
	if to != "/releases/"+deploymentID || paused != "lunch" {
		t.Errorf("a pause leads to %s, for the reason %q", to, paused)
	}
}
