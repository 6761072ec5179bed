package view

import (
	"context"
	"fmt"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/codedeploy"
	"slipway/api/slipway"
)

// Deployment is a deployment as people see it.
type Deployment struct {
	codedeploy.DeploymentInfo
	Group    string   `json:"group"` // APPLICATION/GROUP
	Kind     Kind     `json:"kind"`
	State    string   `json:"state"`
	Say      string   `json:"say,omitzero"` // why it failed
	Change   Change   `json:"change,omitzero"`
	Deployed string   `json:"deployed,omitzero"` // its revision, in words
	Hosts    *Tally   `json:"hosts,omitzero"`    // nil if nothing is known of them
	Release  *Release `json:"-"`                 // that moves its traffic
}

// Tally is how many targets of a deployment are in a state.
type Tally struct {
	Succeeded int64 `json:"succeeded"`
	Running   int64 `json:"running"`
	Failed    int64 `json:"failed"`
	Queued    int64 `json:"queued"`
	All       int64 `json:"all"`
}

// String counts the targets that are done, of all; "" if nothing is known of them.
func (t *Tally) String() string {
	if t == nil {
		return ""
	}
	return fmt.Sprintf("%d/%d", t.Succeeded, t.All)
}

// DeploymentOf is a deployment, with what DescribeChanges tells of it and the release that moves its traffic. A release
// that was rolled back, or that waits for a person, says more than its deployment, which failed or runs.
func DeploymentOf(
	d codedeploy.DeploymentInfo,
	known map[string]slipway.Change,
	release *slipway.ReleaseSummary,
) Deployment {
	one := Deployment{
		DeploymentInfo: d,
		Group:          text(d.ApplicationName) + "/" + text(d.DeploymentGroupName),
		Kind:           KindOf(d.Status),
		State:          StatusWord(d.Status),
		Change:         Described(known[text(d.DeploymentId)]),
		Deployed:       Revision(d.Revision),
		Hosts:          tallyOf(d.DeploymentOverview),
	}
	if release != nil {
		r := ReleaseOf(*release, known)
		one.Release = &r
		if r.Kind == Back || r.Asks() {
			one.Kind, one.State = r.Kind, r.Words
		}
	}
	if one.Kind != Succeeded {
		one.Say = one.Change.Cause
	}
	return one
}

func tallyOf(o *codedeploy.DeploymentOverview) *Tally {
	if o == nil {
		return nil
	}
	n := func(p *int64) int64 {
		if p == nil {
			return 0
		}
		return *p
	}
	t := &Tally{
		Succeeded: n(o.Succeeded),
		Running:   n(o.InProgress) + n(o.Ready),
		Failed:    n(o.Failed),
		Queued:    n(o.Pending),
	}
	t.All = t.Succeeded + t.Running + t.Failed + t.Queued + n(o.Skipped)
	return t
}

// ReadDeployments computes deployments that CodeDeploy has told of: of all groups, or of the one that is given. It
// takes one operation for the newest 100 releases, and one for each 500 deployments.
func ReadDeployments(
	ctx context.Context,
	api slipway.API,
	deployments []codedeploy.DeploymentInfo,
	group slipway.GroupRef,
) ([]Deployment, error) {
	var ids []string
	for i := range deployments {
		ids = append(ids, *deployments[i].DeploymentId)
	}
	known, err := Describe(ctx, api, ids)
	if err != nil {
		return nil, err
	}
	out, err := api.ListReleases(ctx, &slipway.ListReleasesInput{
		ApplicationName:     group.ApplicationName,
		DeploymentGroupName: group.DeploymentGroupName,
		MaxResults:          new(int32(100)),
	})
	if err != nil {
		return nil, err
	}
	released := map[string]*slipway.ReleaseSummary{}
	for i := range out.Releases {
		released[*out.Releases[i].DeploymentId] = &out.Releases[i]
	}
	all := make([]Deployment, len(deployments))
	for i := range deployments {
		all[i] = DeploymentOf(deployments[i], known, released[ids[i]])
	}
	return all, nil
}

// ReadDeployment computes a deployment that CodeDeploy has told of, with its release. It takes at most two operations.
func ReadDeployment(ctx context.Context, api slipway.API, d *codedeploy.DeploymentInfo) (*Deployment, error) {
	known, err := Describe(ctx, api, []string{*d.DeploymentId})
	if err != nil {
		return nil, err
	}
	if d.DeploymentStyle == nil || d.DeploymentStyle.DeploymentType != codedeploy.DeploymentTypeBlueGreen {
		return new(DeploymentOf(*d, known, nil)), nil
	}
	out, err := api.GetRelease(ctx, &slipway.GetReleaseInput{DeploymentId: d.DeploymentId})
	if awsproto.Code(err) == "ReleaseNotFoundException" {
		return new(DeploymentOf(*d, known, nil)), nil
	}
	if err != nil {
		return nil, err
	}
	return new(DeploymentOf(*d, known, summaryOf(out.Release))), nil
}

// summaryOf is a release as lists have it.
func summaryOf(r *slipway.Release) *slipway.ReleaseSummary {
	return &slipway.ReleaseSummary{
		DeploymentId:        r.DeploymentId,
		ApplicationName:     r.ApplicationName,
		DeploymentGroupName: r.DeploymentGroupName,
		Status:              r.Status,
		Paused:              r.Paused,
		Message:             r.Message,
		Percent:             r.Percent,
		WantedPercent:       r.WantedPercent,
		StartTime:           r.StartTime,
		EndTime:             r.EndTime,
	}
}

// BlueGreen reports whether the deployment moves the traffic from some hosts to others.
func (d *Deployment) BlueGreen() bool {
	return d.DeploymentStyle != nil && d.DeploymentStyle.DeploymentType == codedeploy.DeploymentTypeBlueGreen
}

// Stoppable reports whether the deployment can be stopped.
func (d *Deployment) Stoppable() bool {
	k := KindOf(d.Status)
	return k == Running || k == Queued || k == Waiting
}

// Line says the most important thing of the deployment: why it failed, or what it deploys.
func (d *Deployment) Line() string { return first(d.Say, d.Change.Title()) }

// Target is a host of a deployment, walking through its lifecycle events.
type Target struct {
	Name   string                 `json:"name"`
	Label  codedeploy.TargetLabel `json:"instanceLabel,omitzero"`
	Kind   Kind                   `json:"kind"`
	State  string                 `json:"state"`
	Events []Event                `json:"events"`
}

// Event is a lifecycle event on a host.
type Event struct {
	codedeploy.LifecycleEvent
	Name  string `json:"name"`
	Kind  Kind   `json:"kind"`
	State string `json:"state"`
	Say   string `json:"say,omitzero"` // what went wrong
}

// TargetOf is a host of a deployment.
func TargetOf(t *codedeploy.InstanceTarget) Target {
	one := Target{
		Name:   text(t.TargetId),
		Label:  t.InstanceLabel,
		Kind:   KindOf(t.Status),
		State:  StatusWord(t.Status),
		Events: []Event{},
	}
	for _, e := range t.LifecycleEvents {
		x := Event{
			LifecycleEvent: e,
			Name:           text(e.LifecycleEventName),
			Kind:           KindOf(e.Status),
			State:          StatusWord(e.Status),
		}
		if x.Kind == Failed && e.Diagnostics != nil {
			x.Say = text(e.Diagnostics.Message)
		}
		one.Events = append(one.Events, x)
	}
	return one
}

// TargetsOf are the hosts among the targets of a deployment.
func TargetsOf(targets []codedeploy.DeploymentTarget) []Target {
	all := []Target{}
	for i := range targets {
		if of := targets[i].InstanceTarget; of != nil {
			all = append(all, TargetOf(of))
		}
	}
	return all
}

// Words say how the host fares: which event runs or failed, if one does.
func (t *Target) Words() string {
	at := current(t.Events)
	switch {
	case at != nil && at.Kind == Failed:
		return "Failed " + at.Name
	case at != nil:
		return at.Name
	case t.Kind == Succeeded:
		return "Done"
	}
	return t.State
}

// current is the last event that runs or failed; nil for none.
func current(events []Event) *Event {
	for i := len(events) - 1; i >= 0; i-- {
		if k := events[i].Kind; k == Running || k == Failed {
			return &events[i]
		}
	}
	return nil
}

// Failure is the lifecycle event of a deployment that failed first.
type Failure struct {
	Host  string                     `json:"targetId,omitzero"`
	Event *codedeploy.LifecycleEvent `json:"lifecycleEvent,omitzero"`
}

// FirstFailure is the event that failed first on any of the hosts; nil if none did.
func FirstFailure(targets []Target) *Failure {
	var found *Failure
	for i := range targets {
		for j := range targets[i].Events {
			e := &targets[i].Events[j]
			if e.Kind == Failed && (found == nil || earlier(&e.LifecycleEvent, found.Event)) {
				found = &Failure{Host: targets[i].Name, Event: &e.LifecycleEvent}
			}
		}
	}
	return found
}

func earlier(a, b *codedeploy.LifecycleEvent) bool {
	return a.EndTime != nil && (b.EndTime == nil || a.EndTime.Before(b.EndTime.Time))
}

// Cause is why the event failed, in one sentence.
func (f *Failure) Cause() string { return EventCause(f.Host, f.Event) }

// LastLines are the last n lines that the event's script printed; nil if it printed nothing.
func (f *Failure) LastLines(n int) []string {
	if f.Event.Diagnostics == nil || strings.TrimSpace(text(f.Event.Diagnostics.LogTail)) == "" {
		return nil
	}
	lines := strings.Split(strings.TrimSpace(*f.Event.Diagnostics.LogTail), "\n")
	return lines[max(0, len(lines)-n):]
}
