package view

import (
	"context"
	"fmt"
	"strings"
	"time"

	"slipway/api/awsproto"
	"slipway/api/slipway"
)

// Release is a release as lists show it.
type Release struct {
	slipway.ReleaseSummary
	Standing
}

// Standing is how a release stands, in a list or on a page of its own.
type Standing struct {
	Group   string `json:"group"` // APPLICATION/GROUP
	Kind    Kind   `json:"kind"`
	State   string `json:"state"`        // "Paused"
	Words   string `json:"words"`        // the same with the share of the traffic: "Paused at 10 %"
	Say     string `json:"say,omitzero"` // why it went back, or waits, in one line
	Change  Change `json:"change,omitzero"`
	Now     string `json:"-"` // where it stands, as a sentence
	Because string `json:"-"` // why, whole
}

// ReleaseOf is a release, with what DescribeChanges tells of its deployment.
func ReleaseOf(r slipway.ReleaseSummary, known map[string]slipway.Change) Release {
	s := Standing{
		Group:  text(r.ApplicationName) + "/" + text(r.DeploymentGroupName),
		Kind:   ReleaseKind(r.Status, r.Paused),
		State:  StatusWord(r.Status),
		Words:  ReleaseWords(r.Status, r.Paused, r.Percent),
		Change: Described(known[text(r.DeploymentId)]),
	}
	if s.Kind == Waiting && r.Status != slipway.ReleaseStatusAsking {
		s.State = "Paused"
	}
	s.Now, s.Because = sentence(text(r.Message))
	s.Say = Plain(s.Because)
	return Release{r, s}
}

// sentence takes a release's message apart: what is, and after the first colon why.
func sentence(message string) (say, because string) {
	say, because, ok := strings.Cut(message, ": ")
	if ok {
		say += "."
	}
	return say, because
}

// ReadReleases computes releases that ListReleases has told of. It takes one operation for each 500 of them.
func ReadReleases(ctx context.Context, api slipway.API, releases []slipway.ReleaseSummary) ([]Release, error) {
	var ids []string
	for i := range releases {
		ids = append(ids, *releases[i].DeploymentId)
	}
	known, err := Describe(ctx, api, ids)
	if err != nil {
		return nil, err
	}
	all := make([]Release, len(releases))
	for i := range releases {
		all[i] = ReleaseOf(releases[i], known)
	}
	return all, nil
}

// Asks reports whether the release waits for a person.
func (r *Release) Asks() bool { return r.EndTime == nil && r.Kind == Waiting }

// Line says the most important thing of the release: why it went back or waits, or what it brings.
func (r *Release) Line() string {
	if r.Kind == Back || r.Kind == Waiting {
		return first(r.Say, r.Change.Title())
	}
	return r.Change.Title()
}

// Course is a release with how it went so far and what comes.
type Course struct {
	*slipway.Release
	Standing
	Next     string                    `json:"next,omitzero"` // what it does next by itself, as a sentence
	Progress []Step                    `json:"progress"`
	Serves   []slipway.ServingGroup    `json:"serves"`            // the versions that run in the group
	Replaces Change                    `json:"replaces,omitzero"` // what runs there besides
	Judged   *slipway.ReleaseStepState `json:"-"`                 // the last step with a verdict; nil for none
}

// Step is a step of a release: a share of the traffic with how it went, or when it comes.
type Step struct {
	Percent   int32          `json:"percent"`
	Kind      Kind           `json:"kind"`
	State     string         `json:"state"`
	Words     string         `json:"words,omitzero"`   // since when it lasts, or when it comes
	Verdict   string         `json:"verdict,omitzero"` // of the analysis, as a sentence
	StartTime *awsproto.Time `json:"startTime,omitzero"`
	EndTime   *awsproto.Time `json:"endTime,omitzero"`     // or that of the release
	Planned   *awsproto.Time `json:"plannedTime,omitzero"` // of one that comes
}

// ReadCourse reads a release with its change and with what its group serves. It takes three operations.
func ReadCourse(ctx context.Context, api slipway.API, deployment string) (*Course, error) {
	got, err := api.GetRelease(ctx, &slipway.GetReleaseInput{DeploymentId: &deployment})
	if err != nil {
		return nil, err
	}
	known, err := Describe(ctx, api, []string{deployment})
	if err != nil {
		return nil, err
	}
	x := got.Release
	group := slipway.GroupRef{ApplicationName: x.ApplicationName, DeploymentGroupName: x.DeploymentGroupName}
	serving, err := api.ListServing(ctx, &slipway.ListServingInput{Groups: []slipway.GroupRef{group}})
	if err != nil {
		return nil, err
	}
	return CourseOf(x, known, serving.Groups), nil
}

// CourseOf is a release, with what DescribeChanges tells of its deployment and what its group serves.
func CourseOf(x *slipway.Release, known map[string]slipway.Change, serving []slipway.ServingGroup) *Course {
	c := &Course{
		Release:  x,
		Standing: ReleaseOf(*summaryOf(x), known).Standing,
		Next:     nextWords(x),
		Progress: []Step{},
		Serves:   append([]slipway.ServingGroup{}, serving...),
	}
	for i := range x.Steps {
		st := &x.Steps[i]
		if st.Verdict != nil {
			c.Judged = st
		}
		c.Progress = append(c.Progress, stepOf(c, st))
	}
	for _, g := range serving {
		for _, v := range g.Versions {
			if v.Change != nil && text(v.DeploymentId) != text(x.DeploymentId) && c.Replaces.Commit == "" {
				c.Replaces = Described(*v.Change)
			}
		}
	}
	return c
}

// Live reports whether a person can still decide about the release.
func (c *Course) Live() bool {
	return c.EndTime == nil && c.Status != slipway.ReleaseStatusRollingBack
}

// nextWords says what a release does next by itself.
func nextWords(x *slipway.Release) string {
	judged := x.Policy != nil && (x.Policy.Thresholds != nil || x.Policy.Comparison != nil)
	switch {
	case x.EndTime != nil:
		return ""
	case x.Status == slipway.ReleaseStatusRollingBack:
		return "It ends once the router sends no more requests to the new version."
	case x.Status == slipway.ReleaseStatusAsking:
		return "Promote it or roll it back."
	case x.Paused != nil && *x.Paused:
		return "Resume it to go on."
	}
	for _, st := range x.Steps {
		if st.StartTime != nil || st.PlannedTime == nil {
			continue
		}
		condition := ""
		if judged {
			condition = " if the analysis finds it no worse"
		}
		return fmt.Sprintf("At %s UTC it moves to %d %%%s.", Clock(st.PlannedTime.Time), *st.Percent, condition)
	}
	return ""
}

// stepOf says how a step went, or when it comes.
func stepOf(c *Course, st *slipway.ReleaseStepState) Step {
	one := Step{Percent: percent(st.Percent), StartTime: st.StartTime, EndTime: st.EndTime}
	over := !c.Live()
	switch {
	case st.EndTime != nil && !rolledBackAt(c.Release, st):
		one.Kind, one.State, one.Words = Succeeded, "Done", "from "+Clock(st.StartTime.Time)
		if st.InEffectTime != nil {
			one.Words += " for " + Took(st.EndTime.Sub(st.InEffectTime.Time))
		}
	case st.StartTime != nil && over:
		one.Kind, one.State = Back, c.State
		one.Words = "from " + Clock(st.StartTime.Time) + ", then rolled back"
	case st.StartTime != nil:
		one.Kind, one.State, one.Words = Running, c.State, sinceWords(st)
	case over:
		one.Kind, one.State, one.Words = NotReached, NotReached.Title(), NotReached.Word()
	default:
		one.Kind, one.State, one.Planned = Queued, "Planned", st.PlannedTime
		if st.PlannedTime != nil {
			one.Words = "planned at " + Clock(st.PlannedTime.Time)
		}
	}
	if one.StartTime != nil && one.EndTime == nil {
		one.EndTime = c.EndTime
	}
	if st.Verdict != nil {
		one.Verdict = text(st.Verdict.Text)
		one.Words += ", " + DecisionWord(st.Verdict.Decision)
	}
	return one
}

// sinceWords say since when a step lasts, and how long it is to last.
func sinceWords(st *slipway.ReleaseStepState) string {
	if st.InEffectTime == nil {
		return "waiting for the router since " + Clock(st.StartTime.Time)
	}
	say := "since " + Clock(st.InEffectTime.Time)
	if n := percent(st.WaitSeconds); n > 0 {
		say += ", for " + Took(time.Duration(n)*time.Second)
	}
	return say
}

// DecisionWord is what the analysis of a release finds of the new version.
func DecisionWord(d slipway.ReleaseDecision) string {
	switch d {
	case slipway.ReleaseDecisionPromote:
		return "no worse"
	case slipway.ReleaseDecisionRollBack:
		return "worse"
	}
	return "uncertain"
}

// DecisionKind is the same as a state.
func DecisionKind(d slipway.ReleaseDecision) Kind {
	switch d {
	case slipway.ReleaseDecisionPromote:
		return Succeeded
	case slipway.ReleaseDecisionRollBack:
		return Failed
	}
	return Watch
}
