package deploy

import (
	"context"
	"net/http"
	"slices"

	"slipway/api/codedeploy"
	"slipway/internal/view"
	"slipway/internal/web/change"
	"slipway/internal/web/kit"
)

// deployment is one deployment with its hosts.
type deployment struct {
	*view.Deployment
	Fleets  []fleet
	Failure *view.Failure // of the hosts that are shown
	Remedy  change.Remedy // what can be done once it has ended
	n       int64         // hosts
}

// fleet is the hosts of one side, or all of a deployment that has no sides.
type fleet struct {
	Title, Say string
	Hosts      []view.Target // those that are shown with their events
	Rest       []rest
}

// rest is the hosts in a state of which only the names are shown.
type rest struct {
	Kind  kit.Kind
	Names []string
	More  bool // there are more than these
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

// shortEvent is what an event is called where there is little room.
func shortEvent(name string) string {
	if short, ok := shortEvents[name]; ok {
		return short
	}
	return name
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
	read, err := view.ReadDeployment(ctx, s.Slipway, out.DeploymentInfo)
	if err != nil {
		return err
	}
	d := &deployment{Deployment: read}
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
	if d.BlueGreen() {
		labels = []codedeploy.TargetLabel{codedeploy.TargetLabelGreen, codedeploy.TargetLabelBlue}
		sides = []fleet{
			{Title: "Replacement hosts", Say: "receive the traffic"},
			{Title: "Original hosts", Say: "had the traffic before"},
		}
	}
	var shown []view.Target
	for i, label := range labels {
		hosts, rest, n, err := s.side(ctx, *d.DeploymentId, label, shownHosts/len(labels))
		if err != nil {
			return err
		}
		sides[i].Hosts, sides[i].Rest = hosts, rest
		d.n += int64(n)
		shown = append(shown, hosts...)
		if n > 0 || label == "" {
			d.Fleets = append(d.Fleets, sides[i])
		}
	}
	d.Failure = view.FirstFailure(shown)
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
) (hosts []view.Target, others []rest, n int, err error) {
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
func (s *pages) targets(ctx context.Context, id string, names []string) (hosts []view.Target, err error) {
	for chunk := range slices.Chunk(names, targetsAPage) {
		got, err := s.Deployments.BatchGetDeploymentTargets(
			ctx,
			&codedeploy.BatchGetDeploymentTargetsInput{DeploymentId: &id, TargetIds: chunk},
		)
		if err != nil {
			return nil, err
		}
		hosts = append(hosts, view.TargetsOf(got.DeploymentTargets)...)
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

// releaseReason is why a release went back or waits for a decision; the page says it once.
func (d *deployment) releaseReason() string {
	if d.takenBack() {
		return "" // the page begins with it
	}
	return d.Release.Say
}

// takenBack reports whether the release of a deployment was rolled back: then that is why it ended, and not what it
// left undone on the hosts.
func (d *deployment) takenBack() bool { return d.Kind == kit.Back && d.ErrorInformation != nil }

// stands reports whether the originals stand by, so that there is a way back, until their application is stopped.
func (d *deployment) stands() bool {
	return d.InstanceTerminationWaitTimeStarted != nil && *d.InstanceTerminationWaitTimeStarted && d.CompleteTime == nil
}
