package deploy

import (
	"context"
	"net/http"
	"slices"

	"slipway/api/awsproto"
	"slipway/api/codedeploy"
	"slipway/api/slipway"
	"slipway/internal/view"
	"slipway/internal/web/change"
	"slipway/internal/web/kit"
)

// deployment is one deployment with its hosts.
type deployment struct {
	*codedeploy.DeploymentInfo
	Kind    kit.Kind
	Origin  change.Origin
	Release *slipway.Release // of a deployment that shifts traffic
	Fleets  []fleet
	// Cause is the first event that failed.
	Cause *failedEvent
	// Remedy is what can be done once it has ended.
	Remedy change.Remedy
	n      int64 // hosts
}

// fleet is the hosts of one side, or all of a deployment that has no sides.
type fleet struct {
	Title, Say string
	Hosts      []host // those that are shown with their events
	Rest       []rest
}

// rest is the hosts in a state of which only the names are shown.
type rest struct {
	Kind  kit.Kind
	Names []string
	More  bool // there are more than these
}

// host is one target walking through its lifecycle events.
type host struct {
	Name   string
	Kind   kit.Kind
	Word   string
	Label  codedeploy.TargetLabel
	Events []step
}

// step is a lifecycle event on a host.
type step struct {
	codedeploy.LifecycleEvent
	Kind  kit.Kind
	Short string
}

type failedEvent struct {
	Host  string
	Event codedeploy.LifecycleEvent
}

// shortEvents are the events' names where there is little room.
var shortEvents = map[string]string{
	"ApplicationStop":    "Stop",
	"DownloadBundle":     "Bundle",
	"BeforeInstall":      "Before",
	"Install":            "Install",
	"AfterInstall":       "After",
	"ApplicationStart":   "Start",
	"ValidateService":    "Validate",
	"BeforeBlockTraffic": "Pre-block",
	"BlockTraffic":       "Block",
	"AfterBlockTraffic":  "Post-block",
	"BeforeAllowTraffic": "Pre-allow",
	"AllowTraffic":       "Allow",
	"AfterAllowTraffic":  "Post-allow",
}

// shownHosts is how many hosts are shown with all their events: more would be a page that nobody reads. Broken
// ones come first.
const shownHosts = 12

func (s *pages) deploymentPage(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	ctx, id := r.Context(), r.PathValue("id")
	out, err := s.Deployments.GetDeployment(ctx, &codedeploy.GetDeploymentInput{DeploymentId: &id})
	if err != nil {
		return err
	}
	d := &deployment{DeploymentInfo: out.DeploymentInfo, Kind: view.KindOf(out.DeploymentInfo.Status)}
	if d.Origin, err = change.OriginOf(ctx, s.Slipway, id); err != nil {
		return err
	}
	if d.blueGreen() {
		got, err := s.Slipway.GetRelease(ctx, &slipway.GetReleaseInput{DeploymentId: &id})
		if err != nil && awsproto.Code(err) != "ReleaseNotFoundException" {
			return err
		}
		if err == nil {
			d.Release = got.Release
		}
	}
	switch {
	case d.takenBack():
		d.Kind = kit.Back
	case d.asks():
		d.Kind = kit.Waiting
	}
	if err := s.deploymentRemedy(ctx, d); err != nil {
		return err
	}
	if err := s.fleets(ctx, d); err != nil {
		return err
	}
	s.Render(w, r, http.StatusOK, Deployment(s.Shell(r, v, id, "deployment/"+id), d, s.Now()))
	return nil
}

// fleets reads the hosts, side by side.
func (s *pages) fleets(ctx context.Context, d *deployment) error {
	sides := []fleet{{Title: "Hosts"}}
	labels := []codedeploy.TargetLabel{""}
	if d.blueGreen() {
		labels = []codedeploy.TargetLabel{codedeploy.TargetLabelGreen, codedeploy.TargetLabelBlue}
		sides = []fleet{
			{Title: "Replacement hosts", Say: "receive the traffic"},
			{Title: "Original hosts", Say: "had the traffic before"},
		}
	}
	for i, label := range labels {
		hosts, rest, n, err := s.side(ctx, *d.DeploymentId, label, shownHosts/len(labels))
		if err != nil {
			return err
		}
		sides[i].Hosts, sides[i].Rest = hosts, rest
		d.n += int64(n)
		for _, h := range hosts {
			if e := h.failed(); e != nil && d.Cause == nil {
				d.Cause = &failedEvent{h.Name, *e}
			}
		}
		if n > 0 || label == "" {
			d.Fleets = append(d.Fleets, sides[i])
		}
	}
	return nil
}

// order is that of the page: broken, then moving, then at rest.
var order = []codedeploy.TargetStatus{
	codedeploy.TargetStatusFailed,
	codedeploy.TargetStatusInProgress,
	codedeploy.TargetStatusPending,
	codedeploy.TargetStatusUnknown,
	codedeploy.TargetStatusSucceeded,
	codedeploy.TargetStatusSkipped,
}

// side reads the hosts of one label: some with their events, and the names of a page of the others.
func (s *pages) side(
	ctx context.Context,
	id string,
	label codedeploy.TargetLabel,
	most int,
) (hosts []host, others []rest, n int, err error) {
	var shown []string
	for _, status := range order {
		in := &codedeploy.ListDeploymentTargetsInput{
			DeploymentId: &id,
			TargetFilters: map[codedeploy.TargetFilterName][]string{
				codedeploy.TargetFilterNameTargetStatus: {string(status)},
			},
		}
		if label != "" {
			in.TargetFilters[codedeploy.TargetFilterNameServerInstanceLabel] = []string{string(label)}
		}
		list, err := s.Deployments.ListDeploymentTargets(ctx, in)
		if err != nil {
			return nil, nil, 0, err
		}
		n += len(list.TargetIds)
		take := min(most-len(shown), len(list.TargetIds))
		shown = append(shown, list.TargetIds[:take]...)
		if names := list.TargetIds[take:]; len(names) > 0 {
			others = append(others, rest{view.KindOf(status), names, list.NextToken != nil})
		}
	}
	hosts, err = s.targets(ctx, id, shown)
	return hosts, others, n, err
}

// targetsAPage is how many targets a batch takes.
const targetsAPage = 25

// targets reads hosts by their names.
func (s *pages) targets(ctx context.Context, id string, names []string) (hosts []host, err error) {
	for chunk := range slices.Chunk(names, targetsAPage) {
		got, err := s.Deployments.BatchGetDeploymentTargets(
			ctx,
			&codedeploy.BatchGetDeploymentTargetsInput{DeploymentId: &id, TargetIds: chunk},
		)
		if err != nil {
			return nil, err
		}
		for _, t := range got.DeploymentTargets {
			if t.InstanceTarget != nil {
				hosts = append(hosts, makeHost(t.InstanceTarget))
			}
		}
	}
	return hosts, nil
}

// targetsPage lists all hosts of a deployment.
func (s *pages) targetsPage(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	id := r.PathValue("id")
	in := &codedeploy.ListDeploymentTargetsInput{DeploymentId: &id}
	if after := r.URL.Query().Get("after"); after != "" {
		in.NextToken = &after
	}
	list, err := s.Deployments.ListDeploymentTargets(r.Context(), in)
	if err != nil {
		return err
	}
	all, err := s.targets(r.Context(), id, list.TargetIds)
	if err != nil {
		return err
	}
	s.Render(
		w,
		r,
		http.StatusOK,
		Targets(s.Shell(r, v, id+" hosts", "deployment/"+id), id, all, kit.OlderPath(r.URL.Path, list.NextToken)),
	)
	return nil
}

func makeHost(t *codedeploy.InstanceTarget) host {
	h := host{Name: *t.TargetId, Kind: view.KindOf(t.Status), Word: targetWord(t.Status), Label: t.InstanceLabel}
	for _, e := range t.LifecycleEvents {
		x := step{LifecycleEvent: e, Kind: view.KindOf(e.Status), Short: shortEvents[*e.LifecycleEventName]}
		if x.Short == "" {
			x.Short = *e.LifecycleEventName
		}
		switch x.Kind {
		case kit.Running:
			h.Word = *e.LifecycleEventName
		case kit.Failed:
			h.Word = "Failed " + *e.LifecycleEventName
		}
		h.Events = append(h.Events, x)
	}
	return h
}

func targetWord(s codedeploy.TargetStatus) string {
	switch s {
	case codedeploy.TargetStatusSucceeded:
		return "Done"
	}
	return view.StatusWord(s)
}

// failed is the event that failed on a host; nil if none did.
func (h host) failed() *codedeploy.LifecycleEvent {
	for i := range h.Events {
		if h.Events[i].Kind == kit.Failed {
			return &h.Events[i].LifecycleEvent
		}
	}
	return nil
}

// releaseReason is why a release went back or waits for a decision; the page says it once.
func (d *deployment) releaseReason() string {
	if d.takenBack() {
		return "" // the page begins with it
	}
	_, because := kit.Sentence(kit.Text(d.Release.Message))
	return view.Plain(because)
}

func (d *deployment) blueGreen() bool {
	return d.DeploymentStyle != nil && d.DeploymentStyle.DeploymentType == codedeploy.DeploymentTypeBlueGreen
}

// takenBack reports whether the release of a deployment was rolled back: then that is why it ended, and not what
// it left undone on the hosts.
func (d *deployment) takenBack() bool {
	return d.Release != nil && view.ReleaseKind(d.Release.Status, d.Release.Paused) == kit.Back &&
		d.ErrorInformation != nil
}

// asks reports whether the release of a deployment waits for a person.
func (d *deployment) asks() bool {
	x := d.Release
	return x != nil && x.EndTime == nil && view.ReleaseKind(x.Status, x.Paused) == kit.Waiting
}

// running reports whether a deployment can be stopped.
func (d *deployment) running() bool {
	return d.Kind == kit.Running || d.Kind == kit.Queued || d.Kind == kit.Waiting
}

// stands reports whether the originals stand by, so that there is a way back, until their application is stopped.
func (d *deployment) stands() bool {
	return d.InstanceTerminationWaitTimeStarted != nil && *d.InstanceTerminationWaitTimeStarted && d.CompleteTime == nil
}
