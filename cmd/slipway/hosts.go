package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"slipway/api/codedeploy"
	"slipway/api/slipway"
	"slipway/internal/terminal"
	"slipway/internal/view"
)

type hostsCommand struct {
	List   hostsListCommand   `cmd:"" default:"withargs" help:"List the hosts, and what runs on each."`
	Create hostsCreateCommand `cmd:"" help:"Create a host; prints its key, once."`
	Delete hostsDeleteCommand `cmd:"" help:"Deregister a host: its agent is refused from then on."`
}

func (*hostsCommand) Help() string { return (*hostsListCommand)(nil).Help() }

type hostsListCommand struct {
	client
	printer
}

func (*hostsListCommand) Help() string {
	return "Hosts by name, with their tags, whether their agents are connected, and which version each runs for " +
		"which " +
		"deployment group.\n\n" +
		"  slipway hosts\n" +
		"  slipway hosts -o json | jq '.hosts[].name'\n" +
		"  slipway hosts create host-1 --tag service=web"
}

// silence is the time without a request after which an agent counts as not connected. Agents ask at least every half
// minute.
const silence = time.Minute

func (c *hostsListCommand) Run(ctx context.Context) error {
	api, err := c.contract()
	if err != nil {
		return err
	}
	all := []slipway.Host{}
	for in := (&slipway.ListHostsInput{}); ; {
		page, err := api.slipway.ListHosts(ctx, in)
		if err != nil {
			return err
		}
		all = append(all, page.Hosts...)
		if in.NextToken = page.NextToken; in.NextToken == nil {
			break
		}
	}
	serving, err := api.slipway.ListServing(ctx, &slipway.ListServingInput{})
	if err != nil {
		return err
	}
	runs := runsOn(serving.Groups)
	now := time.Now()
	return c.print(map[string]any{"hosts": all, "serving": serving.Groups}, func(t *terminal.Table) {
		t.Head("HOST", "TAGS", "AGENT", "SEEN", "RUNS")
		for i := range all {
			h := &all[i]
			agent := terminal.Cell{Text: "Not heard of", Kind: terminal.Queued}
			if h.SeenTime != nil {
				agent = terminal.Cell{Text: "Silent", Kind: terminal.Waiting}
				if now.Sub(h.SeenTime.Time) < silence {
					agent = terminal.Cell{Text: "Connected", Kind: terminal.Succeeded}
				}
			}
			t.Row(
				terminal.Pointed(h.Name),
				terminal.Text(tagWords(h.Tags)),
				agent,
				terminal.Text(terminal.Ago(h.SeenTime, now)),
				terminal.Text(strings.Join(runs[*h.Name], "; ")),
			)
		}
		if len(all) == 0 {
			t.Note("No hosts yet. Create one with: slipway hosts create NAME --tag KEY=VALUE")
		}
	})
}

// runsOn returns, for each host, the revision that it runs for each group.
func runsOn(groups []slipway.ServingGroup) map[string][]string {
	all := map[string][]string{}
	for i := range groups {
		g := &groups[i]
		for j := range g.Versions {
			v := &g.Versions[j]
			said := *g.ApplicationName + "/" + *g.DeploymentGroupName + ": " +
				view.VersionName(v.Change, *v.DeploymentId)
			if v.Change != nil && v.Change.Subject != nil {
				said += " “" + *v.Change.Subject + "”"
			}
			if v.Failed != nil && *v.Failed {
				said += " (failed)"
			}
			for _, host := range v.Hosts {
				all[host] = append(all[host], said)
			}
		}
	}
	return all
}

func tagWords(tags map[string]string) string {
	var all []string
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		all = append(all, key+"="+tags[key])
	}
	return strings.Join(all, ",")
}

type hostsCreateCommand struct {
	client
	printer
	Name string            `arg:"" help:"Its name."`
	Tag  map[string]string `help:"A tag that deployment groups find it by; may be given several times." placeholder:"KEY=VALUE"`
}

func (*hostsCreateCommand) Help() string {
	return "Creates a host and its key, which is shown this once, with the command that starts its agent.\n\n" +
		"  slipway hosts create host-1 --tag service=web"
}

func (c *hostsCreateCommand) Run(ctx context.Context) error {
	api, err := c.contract()
	if err != nil {
		return err
	}
	out, err := api.slipway.CreateHost(ctx, &slipway.CreateHostInput{Name: &c.Name, Tags: c.Tag})
	if err != nil {
		return err
	}
	return c.print(out, func(t *terminal.Table) {
		t.Note(
			"The host " + terminal.Clean(
				c.Name,
			) + " is created. Its key is shown this once; on the host, with a folder to deploy to:",
		)
		t.Note("")
		t.Note(
			terminal.Clean(
				fmt.Sprintf("export AWS_ACCESS_KEY_ID=%s AWS_SECRET_ACCESS_KEY=%s", *out.AccessKeyId,
					*out.SecretAccessKey),
			),
		)
		t.Note(terminal.Clean(fmt.Sprintf("slipway agent --endpoint %s --name %s --root /", c.Endpoint, c.Name)))
	})
}

type hostsDeleteCommand struct {
	client
	printer
	Name string `arg:"" help:"Its name."`
}

func (*hostsDeleteCommand) Help() string {
	return "Deregisters a host. What was deployed to it stays there.\n\n  slipway hosts delete host-1"
}

func (c *hostsDeleteCommand) Run(ctx context.Context) error {
	api, err := c.contract()
	if err != nil {
		return err
	}
	if _, err := api.deployments.DeregisterOnPremisesInstance(
		ctx,
		&codedeploy.DeregisterOnPremisesInstanceInput{InstanceName: &c.Name},
	); err != nil {
		return err
	}
	return c.done(&outcome{Did: "deregistered", Message: "The host " + c.Name + " is deregistered."})
}
