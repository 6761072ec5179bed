package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"slipway/api/awsproto"
	"slipway/api/slipway"
	"slipway/api/sts"
	"slipway/internal/people"
	"slipway/internal/terminal"
	"slipway/internal/view"
)

type identityDenialsCommand struct {
	client
	printer
	Who string `arg:"" optional:"" name:"user" help:"A user, role/NAME, or an ARN; without one, all."`
}

func (*identityDenialsCommand) Help() string {
	return "What was refused, the newest first: to whom, which action on what, how often, and why. With one user or " +
		"role, the statement that would allow the newest is printed too; -o json has that of each.\n\n" +
		"  slipway identity denials\n" +
		"  slipway identity denials anna\n" +
		"  slipway identity denials role/slipway-build -o json"
}

func (c *identityDenialsCommand) Run(ctx context.Context) error {
	api, err := c.contract()
	if err != nil {
		return err
	}
	in := &slipway.ListDenialsInput{}
	if c.Who != "" {
		caller, err := api.tokens.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		if err != nil {
			return err
		}
		in.Principal = new(people.PrincipalARN(ctx, api.identity, awsproto.Value(caller.Account), c.Who))
	}
	all := []view.Denial{}
	for {
		page, err := api.slipway.ListDenials(ctx, in)
		if err != nil {
			return err
		}
		all = append(all, view.Denials(page.Denials)...)
		if in.NextToken = page.NextToken; in.NextToken == nil {
			break
		}
	}
	return c.print(map[string]any{"denials": all}, func(t *terminal.Table) { c.table(t, all) })
}

func (c *identityDenialsCommand) table(t *terminal.Table, all []view.Denial) {
	now := time.Now()
	t.Head("WHO", "ACTION", "RESOURCE", "TIMES", "LAST", "FROM", "WHY")
	for i := range all {
		d := &all[i]
		kind, name := d.Of()
		if kind == "role" {
			name = "role/" + name
		}
		t.Row(
			terminal.Text(name),
			terminal.Pointed(d.Action),
			terminal.Pointed(d.Resource),
			terminal.Text(fmt.Sprint(awsproto.Value(d.Count))),
			terminal.Text(terminal.Ago(d.LastTime, now)),
			terminal.Pointed(d.LastAddress),
			terminal.Pointed(d.Reason),
		)
	}
	switch {
	case len(all) == 0 && c.Who != "":
		t.Note("Nothing was refused to " + terminal.Clean(c.Who) + ".")
	case len(all) == 0:
		t.Note("Nothing was refused.")
	case c.Who != "":
		d := &all[0]
		t.Note(strings.TrimSpace("The newest: " + terminal.Clean(d.Advice) + "\n" + d.Allowing))
	}
}
