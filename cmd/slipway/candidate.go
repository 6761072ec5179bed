package main

import (
	"context"
	"fmt"
	"time"

	"github.com/alecthomas/kong"

	"slipway/api/codedeploy"
	"slipway/api/slipway"
	"slipway/internal/terminal"
	"slipway/internal/view"
)

// onServer returns the names on the server that a command takes. It returns none if the server does not answer.
func onServer(ctx context.Context, command string) []candidate {
	var settings struct{ client }
	parser, err := kong.New(&settings)
	if err != nil {
		return nil
	}
	if _, err := parser.Parse(nil); err != nil { // the defaults and the environment
		return nil
	}
	conn, err := settings.open()
	if err != nil {
		return nil
	}
	api := newContract(conn)
	switch command {
	case "approve", "reject", "watch", "pipelines", "retry", "stop", "why", "pause", "resume":
		return pipelineNames(ctx, api, command)
	case "builds", "logs", "reports":
		return buildNames(ctx, api)
	case "deployments", "rollback", "promote", "releases":
		return deploymentNames(ctx, api)
	}
	return nil
}

func pipelineNames(ctx context.Context, api *contract, command string) []candidate {
	pipelines, err := view.ReadPipelines(ctx, api.slipway)
	if err != nil {
		return nil
	}
	known, err := view.ReadBoard(ctx, api.slipway, pipelines...)
	if err != nil {
		return nil
	}
	var all []candidate
	for _, p := range known.Pipelines {
		switch command {
		case "approve", "reject":
			for _, a := range approvals(&p.State) {
				all = append(all, candidate{a.path(), "waiting for approval"})
			}
		case "pause", "resume":
			for j := range p.State.StageStates {
				all = append(all,
					candidate{p.Name + "/" + *p.State.StageStates[j].StageName, "transition into the stage"})
			}
		default:
			all = append(all, candidate{p.Name, p.Kind.Word()})
		}
	}
	return all
}

// offered is how many builds or deployments a completion offers, the newest first.
const offered = 20

func buildNames(ctx context.Context, api *contract) []candidate {
	builds, err := (&buildsCommand{Limit: offered}).list(ctx, api)
	if err != nil {
		return nil
	}
	var all []candidate
	for i := range builds {
		all = append(
			all,
			candidate{
				*builds[i].Id,
				fmt.Sprintf("%s, %s", view.StatusWord(builds[i].BuildStatus),
					terminal.Ago(builds[i].StartTime, time.Now())),
			},
		)
	}
	return all
}

func deploymentNames(ctx context.Context, api *contract) []candidate {
	deployments, err := (&deploymentsCommand{Limit: offered}).list(ctx, api, &codedeploy.ListDeploymentsInput{})
	if err != nil {
		return nil
	}
	var all []candidate
	for i := range deployments {
		d := &deployments[i]
		all = append(
			all,
			candidate{
				*d.DeploymentId,
				fmt.Sprintf("%s, %s/%s", view.StatusWord(d.Status), *d.ApplicationName, *d.DeploymentGroupName),
			},
		)
	}
	groups, err := api.slipway.ListServing(ctx, &slipway.ListServingInput{})
	if err != nil {
		return all
	}
	for i := range groups.Groups {
		g := &groups.Groups[i]
		all = append(all, candidate{*g.ApplicationName + "/" + *g.DeploymentGroupName, view.ServingWords(g)})
	}
	return all
}
