package release

import (
	"context"
	"fmt"
	"strings"
	"time"

	"slipway/api/awsproto"
	"slipway/api/cloudwatch"
	"slipway/api/slipway"
	"slipway/internal/release/shift"
	"slipway/internal/store"
)

// Alarms tells the states of alarms by their names; those that are not there are left out.
type Alarms interface {
	AlarmStates(ctx context.Context, names []string) (map[string]cloudwatch.StateValue, error)
}

// GetRelease implements slipway:GetRelease.
func (s *Service) GetRelease(ctx context.Context, in *slipway.GetReleaseInput) (*slipway.GetReleaseOutput, error) {
	x, err := load(ctx, s.db, *in.DeploymentId)
	if err != nil {
		return nil, err
	}
	sum := x.summary()
	out := &slipway.Release{DeploymentId: sum.DeploymentId, ApplicationName: sum.ApplicationName,
		DeploymentGroupName: sum.DeploymentGroupName, Status: sum.Status, Paused: sum.Paused,
		Message: sum.Message, Percent: sum.Percent, WantedPercent: sum.WantedPercent, StartTime: sum.StartTime,
		EndTime: sum.EndTime, Resources: x.Resources,
		BaselineTargetGroupArn: &x.Baseline, CanaryTargetGroupArn: &x.Canary, Steps: x.steps(), Policy: x.policy,
		Notes: x.notes}
	if t, ok := x.state.Next().(shift.Timer); ok {
		out.NextTime = awsproto.At(t.At)
	}
	if len(x.Alarms) > 0 && s.Alarms != nil {
		states, err := s.Alarms.AlarmStates(ctx, x.Alarms)
		if err != nil {
			return nil, err
		}
		for _, name := range x.Alarms {
			out.Alarms = append(out.Alarms, slipway.ReleaseAlarm{Name: &name, State: new(string(states[name]))})
		}
	}
	return &slipway.GetReleaseOutput{Release: out}, nil
}

// steps are those of the plan with how they went. What is still to come is planned from now on, as if all went well.
func (x *row) steps() []slipway.ReleaseStepState {
	planned := x.created
	var out []slipway.ReleaseStepState
	for i, step := range x.state.Steps {
		v := x.state.Visits[i]
		if v.Started != nil {
			planned = v.Started.Time
		}
		st := slipway.ReleaseStepState{Percent: new(int32(step.Percent)),
			WaitSeconds: new(int32(step.Wait / time.Second)), PlannedTime: awsproto.At(planned), StartTime: v.Started,
			InEffectTime: v.InEffect, EndTime: v.Ended, Verdict: v.Verdict}
		if v.InEffect != nil {
			planned = v.InEffect.Time
		}
		planned = planned.Add(step.Wait)
		out = append(out, st)
	}
	return out
}

func (x *row) summary() slipway.ReleaseSummary {
	out := slipway.ReleaseSummary{DeploymentId: &x.DeploymentID, ApplicationName: &x.Application,
		DeploymentGroupName: &x.Group, Status: x.state.Status, Paused: &x.state.Paused,
		Message: new(x.message()), Percent: new(int32(x.state.Percent)), WantedPercent: new(int32(x.state.Wanted())),
		StartTime: awsproto.At(x.created)}
	if !x.ended.IsZero() {
		out.EndTime = awsproto.At(x.ended)
	}
	return out
}

// message says in words where a release stands.
func (x *row) message() string {
	st := x.state
	var text string
	switch st.Status {
	case slipway.ReleaseStatusShifting:
		text = fmt.Sprintf("Moving the new version to %d %% of the traffic; the router has not applied it yet.",
			st.Wanted())
	case slipway.ReleaseStatusWaiting:
		text = fmt.Sprintf("The new version has %d %% of the traffic.", st.Percent)
	case slipway.ReleaseStatusAnalysing:
		text = fmt.Sprintf("Judging the new version at %d %% of the traffic.", st.Percent)
	case slipway.ReleaseStatusAsking:
		text = fmt.Sprintf("Waiting for a decision at %d %%: %s", st.Percent, st.Reason)
	case slipway.ReleaseStatusRollingBack:
		text = "Rolling back to the old version: " + st.Reason
	case slipway.ReleaseStatusPromoted:
		text = "Released. The new version has all of the traffic."
	case slipway.ReleaseStatusRolledBack:
		text = "Rolled back. All traffic is on the old version: " + st.Reason
	}
	if st.Paused {
		text += " The release is paused."
	}
	if x.trouble != "" && !st.Ended() {
		text += " It does not go on: " + x.trouble
	}
	return text
}

const pageSize = 50

// ListReleases implements slipway:ListReleases, the newest first.
func (s *Service) ListReleases(ctx context.Context,
	in *slipway.ListReleasesInput) (*slipway.ListReleasesOutput, error) {
	if in.DeploymentGroupName != nil && in.ApplicationName == nil {
		return nil, &awsproto.Error{Code: "ValidationException",
			Message: "A deployment group name needs an application name besides."}
	}
	limit := pageSize
	if in.MaxResults != nil {
		limit = int(*in.MaxResults)
	}
	var where strings.Builder
	var filter []any
	only := func(column string, value any) {
		filter = append(filter, value)
		fmt.Fprintf(&where, " AND %s = $%d", column, len(filter))
	}
	if in.ApplicationName != nil {
		only("application", *in.ApplicationName)
	}
	if in.DeploymentGroupName != nil {
		only("grp", *in.DeploymentGroupName)
	}
	if in.Live != nil {
		live := 0
		if *in.Live {
			live = 1
		}
		only("live", live)
	}
	after := "~"
	if !s.Pager.Place("ListReleases", filter, in.NextToken, &after) {
		return nil, &slipway.InvalidNextTokenException{Message: "The next token was not made for this list."}
	}
	n := len(filter)
	all, err := store.All(ctx, s.db, scan,
		fmt.Sprintf(`SELECT `+columns+` WHERE place < $%d%s ORDER BY place DESC LIMIT $%d`, n+1, where.String(), n+2),
		append(filter[:n:n], after, limit+1)...)
	if err != nil {
		return nil, err
	}
	out := &slipway.ListReleasesOutput{Releases: []slipway.ReleaseSummary{}}
	if len(all) > limit {
		all = all[:limit]
		out.NextToken = s.Pager.Token("ListReleases", filter, all[limit-1].place)
	}
	for _, x := range all {
		r := x.summary()
		if awsproto.May(ctx, "codedeploy:GetDeployment",
			"deploymentgroup:"+*r.ApplicationName+"/"+*r.DeploymentGroupName) {
			out.Releases = append(out.Releases, r)
		}
	}
	return out, nil
}
