package main

import (
	"os"

	"slipway/internal/terminal"
)

// printer is how a command shows what it found or did.
type printer struct {
	Output string `short:"o" help:"table, json or yaml." enum:"table,json,yaml" default:"table"`
}

// print prints a value of the contract's shapes, as a document or as the table that f makes of it.
func (p printer) print(v any, f func(t *terminal.Table)) error {
	switch p.Output {
	case "json":
		return terminal.WriteJSON(os.Stdout, v)
	case "yaml":
		return terminal.WriteYAML(os.Stdout, v)
	}
	t := &terminal.Table{}
	f(t)
	return t.Write(os.Stdout, terminal.ScreenOf(os.Stdout))
}

// outcome is the result of a command for scripts. Message is for people.
type outcome struct {
	Did        string `json:"did"`
	Pipeline   string `json:"pipelineName,omitzero"`
	Stage      string `json:"stageName,omitzero"`
	Action     string `json:"actionName,omitzero"`
	Execution  string `json:"pipelineExecutionId,omitzero"`
	Build      string `json:"buildId,omitzero"`
	Sandbox    string `json:"sandboxId,omitzero"`
	Deployment string `json:"deploymentId,omitzero"`
	RollsBack  string `json:"rollsBackDeploymentId,omitzero"`
	Message    string `json:"message"`
}

func (p printer) done(o *outcome) error {
	return p.print(o, func(t *terminal.Table) { t.Note(terminal.Clean(o.Message)) })
}
