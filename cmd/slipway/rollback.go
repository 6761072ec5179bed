package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"slipway/api/awsproto"
	"slipway/api/codedeploy"
	"slipway/api/slipway"
	"slipway/internal/terminal"
	"slipway/internal/view"
)

type rollbackCommand struct {
	client
	printer
	ID     string `arg:"" name:"deployment|application/group" help:"A deployment (d-…), or a group, for its newest deployment."`
	To     string `help:"Commit, or deployment (d-…), to go back to; without it, the last good version." placeholder:"COMMIT|d-…"`
	Reason string `short:"m" help:"Why; kept with the deployment." placeholder:"TEXT"`
	Yes    bool   `short:"y" help:"Don't ask. Needed where there is no terminal to ask on."`
}

func (*rollbackCommand) Help() string {
	return `A release that is running returns its traffic to the old version. A deployment that is running is stopped,
and its hosts get what they had. If neither is running, the last good version is deployed again: one that did well in
this group and was not found bad in another group of its application. The command names it and asks first; without a
terminal it needs --yes.

  slipway rollback d-A1B2C3D4E
  slipway rollback web/production --yes -m 'errors at checkout'
  slipway rollback web/production --to b1c5a7d`
}

func (c *rollbackCommand) Run(ctx context.Context) error {
	api, err := c.contract()
	if err != nil {
		return err
	}
	d, err := api.deployment(ctx, c.ID)
	if err != nil {
		return err
	}
	id, where := *d.DeploymentId, *d.ApplicationName+"/"+*d.DeploymentGroupName
	release, err := api.release(ctx, id)
	if err != nil {
		return err
	}
	switch {
	case c.To == "" && release != nil && release.EndTime == nil:
		return c.release(ctx, api, id, where)
	case d.CompleteTime != nil:
		return c.version(ctx, api, d, where)
	case c.To != "":
		return refused("the deployment %s to %s is running; slipway rollback %s stops it first", id, where, id)
	}
	if err := c.ask(fmt.Sprintf("Stop the deployment %s to %s, and put back what its hosts had?", id,
		where)); err != nil {
		return err
	}
	out, err := api.deployments.StopDeployment(
		ctx,
		&codedeploy.StopDeploymentInput{DeploymentId: &id, AutoRollbackEnabled: new(true)},
	)
	if err != nil {
		return err
	}
	return c.done(
		&outcome{
			Did:        "rolled back",
			Deployment: id,
			Message:    *out.StatusMessage + " What its hosts had is deployed again: slipway deployments " + where,
		},
	)
}

// version deploys an earlier version to a group.
func (c *rollbackCommand) version(
	ctx context.Context,
	api *contract,
	d *codedeploy.DeploymentInfo,
	where string,
) error {
	out, err := api.slipway.ListVersions(
		ctx,
		&slipway.ListVersionsInput{ApplicationName: d.ApplicationName, DeploymentGroupName: d.DeploymentGroupName},
	)
	if err != nil {
		return err
	}
	to, err := c.revision(ctx, api)
	if err != nil {
		return err
	}
	v, err := c.choose(out.Versions, to, where)
	if err != nil {
		return err
	}
	c.warnOf(*d.ApplicationName, v)
	name := versionWords(v)
	if err := c.ask(fmt.Sprintf("%s\nRoll %s back to %s?", runs(out.Versions, where), where, name)); err != nil {
		return err
	}
	there, err := api.deployments.GetDeployment(ctx, &codedeploy.GetDeploymentInput{DeploymentId: v.DeploymentId})
	if err != nil {
		return err
	}
	return api.deploy(
		ctx,
		c.printer,
		d,
		there.DeploymentInfo.Revision,
		outcome{Did: "rolled back", RollsBack: *d.DeploymentId, Message: "%s rolls " + where + " back to " + name},
	)
}

// revision returns the revision of the deployment that --to names, if it names one. Any deployment of a version
// identifies the version.
func (c *rollbackCommand) revision(ctx context.Context, api *contract) (string, error) {
	n, err := recognise(c.To)
	if c.To == "" || err != nil || n.deployment == "" {
		return "", nil
	}
	known, err := view.Describe(ctx, api.slipway, []string{n.deployment})
	if err != nil || known[n.deployment].Revision == nil {
		return "", err
	}
	return *known[n.deployment].Revision, nil
}

// warnOf warns of a version that did not do well, here or in another group.
func (c *rollbackCommand) warnOf(application string, v *slipway.DeployedVersion) {
	for i := range v.Elsewhere {
		if e := &v.Elsewhere[i]; e.Outcome != slipway.VersionOutcomeGood &&
			e.Outcome != slipway.VersionOutcomeInProgress {
			group := application + "/" + *e.DeploymentGroupName
			word := strings.ToLower(view.StatusWord(e.Outcome))
			c.warn("it was %s in %s (%s)%s", word, group, *e.DeploymentId, because(e.Reason))
		}
	}
	if v.Outcome != slipway.VersionOutcomeGood {
		did := map[slipway.VersionOutcome]string{
			slipway.VersionOutcomeFailed:     "failed",
			slipway.VersionOutcomeRolledBack: "was rolled back",
			slipway.VersionOutcomeStopped:    "was stopped",
		}[v.Outcome]
		c.warn("it %s here%s", did, because(v.Reason))
	}
}

// choose finds the version to roll back to: the last good one, or that of --to, whose revision is given if a deployment
// names it.
func (c *rollbackCommand) choose(
	all []slipway.DeployedVersion,
	revision, where string,
) (*slipway.DeployedVersion, error) {
	found := c.candidates(all, revision)
	if c.To == "" && len(found) > 0 {
		return found[0], nil
	}
	switch {
	case c.To == "":
		return nil, refused(
			"no earlier version did well in %s, so there is none to go back to; --to names one: slipway deployments "+
				"%s lists them",
			where,
			where,
		)
	case len(found) == 0:
		return nil, missing("no version %s was deployed to %s; slipway deployments %s lists them", c.To, where, where)
	case len(found) > 1 && revision == "" && *found[0].Change.CommitId != *found[len(found)-1].Change.CommitId:
		return nil, usage("several versions begin with %s; give more of the commit, or the deployment's ID", c.To)
	}
	return found[0], nil
}

// candidates are the versions that may be meant, the newest first.
func (c *rollbackCommand) candidates(all []slipway.DeployedVersion, revision string) []*slipway.DeployedVersion {
	var found []*slipway.DeployedVersion
	for i := range all {
		v := &all[i]
		if c.To == "" {
			if v.LastGood != nil && *v.LastGood {
				found = append(found, v)
			}
			continue
		}
		if x := v.Change; x != nil && (awsproto.Value(x.Revision) == revision && x.Revision != nil ||
			len(c.To) >= 4 && strings.HasPrefix(awsproto.Value(x.CommitId), strings.ToLower(c.To))) {
			found = append(found, v)
		}
	}
	return found
}

// runs says what a group runs now.
func runs(all []slipway.DeployedVersion, where string) string {
	var parts []string
	for i := range all {
		if v := &all[i]; len(v.Hosts) > 0 {
			say := view.Described(*v.Change).Words() + " on " + view.Names(v.Hosts, 3)
			if v.Outcome != slipway.VersionOutcomeGood {
				say += " (" + strings.ToLower(view.StatusWord(v.Outcome)) + because(v.Reason) + ")"
			}
			parts = append(parts, say)
		}
	}
	if len(parts) == 0 {
		return where + " runs nothing that is known."
	}
	return where + " runs " + strings.Join(parts, "; ") + "."
}

// versionWords name a version, and say how it fared.
func versionWords(v *slipway.DeployedVersion) string {
	say := view.Described(*v.Change).Words()
	if v.Outcome == slipway.VersionOutcomeGood && v.Time != nil {
		say += ", which did well here " + terminal.Ago(v.Time, time.Now())
	}
	return say + " (" + *v.DeploymentId + ")"
}

func because(reason *string) string {
	if reason == nil || *reason == "" {
		return ""
	}
	return ": " + *reason
}

func (c *rollbackCommand) warn(format string, args ...any) {
	fmt.Fprintln(os.Stderr, terminal.Clean("Warning: "+fmt.Sprintf(format, args...)))
}

func (c *rollbackCommand) release(ctx context.Context, api *contract, id, where string) error {
	if err := c.ask(fmt.Sprintf("Return all traffic of %s to what ran before %s?", where, id)); err != nil {
		return err
	}
	in := &slipway.RollBackReleaseInput{DeploymentId: &id}
	if c.Reason != "" {
		in.Reason = &c.Reason
	}
	if _, err := api.slipway.RollBackRelease(ctx, in); err != nil {
		return err
	}
	return c.done(
		&outcome{
			Did:        "rolled back",
			Deployment: id,
			Message: "The release of " + id + " is rolled back: all traffic of " + where +
				" returns to the old version. Follow it with: slipway releases " + id,
		},
	)
}

// ask lets a person at a terminal say no. Where there is none, nothing is done without --yes.
func (c *rollbackCommand) ask(question string) error {
	if c.Yes {
		return nil
	}
	lines := strings.Split(question, "\n")
	for i := range lines {
		lines[i] = terminal.Clean(lines[i])
	}
	if !terminal.IsTerminal(os.Stdin) || !terminal.IsTerminal(os.Stderr) {
		return usage("%s\nThere is no terminal to ask on: say --yes", strings.Join(lines, "\n"))
	}
	fmt.Fprint(os.Stderr, strings.Join(lines, "\n")+" [y/N] ")
	answer, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if answer = strings.ToLower(strings.TrimSpace(answer)); err != nil || answer != "y" && answer != "yes" {
		return exit(exitFailed, fmt.Errorf("nothing was done"))
	}
	return nil
}

// deployment finds a deployment by its ID, or the newest of a group.
func (c *contract) deployment(ctx context.Context, of string) (*codedeploy.DeploymentInfo, error) {
	n, err := recognise(of)
	if err != nil {
		return nil, err
	}
	id := n.deployment
	if id == "" {
		application, group, ok := strings.Cut(of, "/")
		if !ok || n.execution != "" || n.build != "" {
			return nil, usage(
				"%q is neither a deployment (d-…) nor a group (APPLICATION/GROUP); slipway deployments lists them",
				of,
			)
		}
		list, err := c.deployments.ListDeployments(
			ctx,
			&codedeploy.ListDeploymentsInput{ApplicationName: &application, DeploymentGroupName: &group},
		)
		if err != nil {
			return nil, err
		}
		if len(list.Deployments) == 0 {
			return nil, missing("nothing was deployed to %s yet", of)
		}
		id = list.Deployments[0]
	}
	out, err := c.deployments.GetDeployment(ctx, &codedeploy.GetDeploymentInput{DeploymentId: &id})
	if err != nil {
		return nil, err
	}
	return out.DeploymentInfo, nil
}

// release returns the release of a deployment. It is nil for a deployment that does not shift traffic step by step.
func (c *contract) release(ctx context.Context, id string) (*slipway.Release, error) {
	out, err := c.slipway.GetRelease(ctx, &slipway.GetReleaseInput{DeploymentId: &id})
	if awsproto.Code(err) == "ReleaseNotFoundException" {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return out.Release, nil
}
