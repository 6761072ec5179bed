package main

import (
	"context"
	"time"

	"slipway/api/awsproto"
	"slipway/api/iam"
	"slipway/internal/people"
	"slipway/internal/terminal"
)

type accessKeysCommand struct {
	List   accessKeysListCommand   `cmd:"" default:"withargs" help:"List the access keys of a user."`
	Create accessKeysCreateCommand `cmd:"" help:"Create an access key; its secret is printed once."`
	Enable accessKeysEnableCommand `cmd:"" help:"Let an access key be used, or with --off no more."`
	Delete accessKeysDeleteCommand `cmd:"" help:"Delete an access key."`
}

func (*accessKeysCommand) Help() string { return (*accessKeysListCommand)(nil).Help() }

type accessKeysListCommand struct {
	client
	printer
	User string `arg:"" help:"The user."`
}

func (*accessKeysListCommand) Help() string {
	return "Access keys of a user, with when each was last used, and for what.\n\n" +
		"  slipway identity keys anna\n" +
		"  slipway identity keys create anna"
}

func (c *accessKeysListCommand) Run(ctx context.Context) error {
	api, err := c.contract()
	if err != nil {
		return err
	}
	all, err := people.AccessKeys(ctx, api.identity, c.User)
	if err != nil {
		return err
	}
	now := time.Now()
	return c.print(map[string]any{"AccessKeys": all}, func(t *terminal.Table) {
		t.Head("KEY", "STATUS", "CREATED", "LAST USED", "FOR")
		for i := range all {
			k := &all[i]
			used, service := "never", ""
			if k.LastUsed != nil && k.LastUsed.LastUsedDate != nil {
				used, service = terminal.Ago(k.LastUsed.LastUsedDate, now), awsproto.Value(k.LastUsed.ServiceName)
			}
			t.Row(terminal.Pointed(k.AccessKeyId), terminal.Text(string(k.Status)),
				terminal.Text(terminal.Ago(k.CreateDate, now)), terminal.Text(used), terminal.Text(service))
		}
		if len(all) == 0 {
			t.Note("No access keys. Create one with: slipway identity keys create " + terminal.Clean(c.User))
		}
	})
}

type accessKeysCreateCommand struct {
	client
	printer
	User string `arg:"" help:"The user."`
}

func (*accessKeysCreateCommand) Help() string {
	return "Creates an access key. The secret is printed this once.\n\n  slipway identity keys create anna"
}

func (c *accessKeysCreateCommand) Run(ctx context.Context) error {
	api, err := c.contract()
	if err != nil {
		return err
	}
	out, err := api.identity.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: &c.User})
	if err != nil {
		return err
	}
	return c.print(out, func(t *terminal.Table) {
		t.Note("AWS_ACCESS_KEY_ID=" + awsproto.Value(out.AccessKey.AccessKeyId))
		t.Note("AWS_SECRET_ACCESS_KEY=" + awsproto.Value(out.AccessKey.SecretAccessKey))
	})
}

// oneKey is an access key of a user.
type oneKey struct {
	client
	printer
	User string `arg:"" help:"The user."`
	Key  string `arg:"" help:"The access key's ID."`
}

type accessKeysEnableCommand struct {
	oneKey
	Off bool `help:"Disable it instead."`
}

func (*accessKeysEnableCommand) Help() string {
	return "Enables an access key, or disables it: it is refused at once, and can be enabled again.\n\n" +
		"  slipway identity keys enable anna AKIA… --off"
}

func (c *accessKeysEnableCommand) Run(ctx context.Context) error {
	api, err := c.contract()
	if err != nil {
		return err
	}
	status, word := iam.StatusTypeActive, "enabled"
	if c.Off {
		status, word = iam.StatusTypeInactive, "disabled"
	}
	in := &iam.UpdateAccessKeyInput{UserName: &c.User, AccessKeyId: &c.Key, Status: status}
	if _, err := api.identity.UpdateAccessKey(ctx, in); err != nil {
		return err
	}
	return c.done(&outcome{Did: word, Message: "The access key " + c.Key + " is " + word + "."})
}

type accessKeysDeleteCommand struct {
	oneKey
}

func (*accessKeysDeleteCommand) Help() string {
	return "Deletes an access key.\n\n  slipway identity keys delete anna AKIA…"
}

func (c *accessKeysDeleteCommand) Run(ctx context.Context) error {
	api, err := c.contract()
	if err != nil {
		return err
	}
	in := &iam.DeleteAccessKeyInput{UserName: &c.User, AccessKeyId: &c.Key}
	if _, err := api.identity.DeleteAccessKey(ctx, in); err != nil {
		return err
	}
	return c.done(&outcome{Did: "deleted", Message: "The access key " + c.Key + " is deleted."})
}
