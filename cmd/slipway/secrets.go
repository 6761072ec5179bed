package main

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"slipway/api/awsproto"
	"slipway/api/secretsmanager"
	"slipway/api/ssm"
	"slipway/internal/terminal"
	"slipway/internal/view"
)

type secretsCommand struct {
	List   secretsListCommand   `cmd:"" default:"withargs" help:"List parameters and secrets, without their values."`
	Show   secretsShowCommand   `cmd:"" help:"Show the versions of one; its value only with --reveal."`
	Put    secretsPutCommand    `cmd:"" help:"Set the value of one: typed unseen, or from standard input."`
	Remove secretsRemoveCommand `cmd:"" help:"Remove one."`
}

func (*secretsCommand) Help() string { return (*secretsListCommand)(nil).Help() }

type secretsListCommand struct {
	client
	printer
	Prefix string `arg:"" optional:"" help:"Only those whose names begin so."`
}

func (*secretsListCommand) Help() string {
	return `Builds read parameters (Parameter Store) and secrets (Secrets Manager) by env/parameter-store and env/secrets-manager of
a buildspec, or by a project's variables, with the rights of the project's role. They are encrypted at rest. A value is
never an argument here: other users of the machine could read it, and the shell would keep it.

  slipway secrets
  slipway secrets put /web/token              # typed, and not shown
  pass show web | slipway secrets put /web/token
  slipway secrets put --secret web/database < database.json
  slipway secrets show /web/token --reveal`
}

func (c *secretsListCommand) Run(ctx context.Context) error {
	api, err := c.contract()
	if err != nil {
		return err
	}
	all := []view.Secret{}
	for parameters, secrets := (*string)(nil), (*string)(nil); ; {
		page, err := view.ReadSecrets(ctx, api.ssm, api.vault, parameters, secrets)
		if err != nil {
			return err
		}
		all = append(all, page.Secrets...)
		if page.NextParameters == nil && page.NextSecrets == nil {
			break
		}
		parameters, secrets = new(awsproto.Value(page.NextParameters)), new(awsproto.Value(page.NextSecrets))
	}
	all = slices.DeleteFunc(all, func(s view.Secret) bool { return !strings.HasPrefix(s.Name, c.Prefix) })
	slices.SortFunc(all, func(a, b view.Secret) int { return strings.Compare(a.Name, b.Name) })
	now := time.Now()
	return c.print(all, func(t *terminal.Table) {
		t.Head("NAME", "IN", "VALUE", "VERSION", "CHANGED", "USED")
		for _, s := range all {
			used := "not recorded"
			switch {
			case s.Deleted != nil:
				used = "removed"
			case s.Used != nil:
				used = s.Used.Format(time.DateOnly)
			case s.Store == view.StoreSecrets:
				used = "never"
			}
			t.Row(terminal.Text(s.Name), terminal.Text(s.Store), terminal.Text(s.Type), terminal.Text(s.Version),
				terminal.Text(terminal.Ago(s.Changed, now)), terminal.Text(used))
		}
		if len(all) == 0 {
			t.Note("Nothing is here. slipway secrets put NAME sets a value.")
		}
	})
}

type secretsShowCommand struct {
	client
	printer
	Name   string `arg:"" help:"The name, as slipway secrets lists it."`
	Secret bool   `help:"The secret of the name, and not the parameter."`
	Reveal bool   `help:"Print the value and nothing else. The server's log of calls names who read it."`
}

// secretVersion is a version of a parameter or of a secret.
type secretVersion struct {
	Version string         `json:"version"`
	Labels  []string       `json:"labels,omitzero"`
	Changed *awsproto.Time `json:"changed,omitzero"`
	By      string         `json:"changedBy,omitzero"`
}

func (c *secretsShowCommand) Run(ctx context.Context) error {
	api, err := c.contract()
	if err != nil {
		return err
	}
	if c.Reveal {
		return c.reveal(ctx, api)
	}
	all, err := c.versions(ctx, api)
	if err != nil {
		return err
	}
	now := time.Now()
	return c.print(all, func(t *terminal.Table) {
		t.Head("VERSION", "LABELS", "CHANGED", "BY")
		for _, v := range all {
			t.Row(terminal.Text(v.Version), terminal.Text(strings.Join(v.Labels, ", ")),
				terminal.Text(terminal.Ago(v.Changed, now)), terminal.Text(v.By))
		}
	})
}

// versions are those of the parameter of the name, or of the secret, the newest first.
func (c *secretsShowCommand) versions(ctx context.Context, api *contract) (all []secretVersion, err error) {
	if !c.Secret {
		in := &ssm.GetParameterHistoryInput{Name: &c.Name}
		for {
			out, err := api.ssm.GetParameterHistory(ctx, in)
			if absent(err) {
				break
			}
			if err != nil {
				return nil, err
			}
			for _, p := range out.Parameters {
				all = append(all, secretVersion{strconv.FormatInt(*p.Version, 10), p.Labels, p.LastModifiedDate,
					awsproto.Value(p.LastModifiedUser)})
			}
			if in.NextToken = out.NextToken; in.NextToken == nil {
				slices.Reverse(all)
				return all, nil
			}
		}
	}
	in := &secretsmanager.ListSecretVersionIdsInput{SecretId: &c.Name, IncludeDeprecated: new(true)}
	for {
		out, err := api.vault.ListSecretVersionIds(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, v := range out.Versions {
			all = append(all, secretVersion{awsproto.Value(v.VersionId), v.VersionStages, v.CreatedDate, ""})
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			return all, nil
		}
	}
}

// absent tells whether a parameter is not there.
func absent(err error) bool {
	_, is := errors.AsType[*ssm.ParameterNotFound](err)
	return is
}

func (c *secretsShowCommand) reveal(ctx context.Context, api *contract) error {
	if !c.Secret {
		out, err := api.ssm.GetParameter(ctx, &ssm.GetParameterInput{Name: &c.Name, WithDecryption: new(true)})
		if err == nil {
			_, err = io.WriteString(os.Stdout, awsproto.Value(out.Parameter.Value)+"\n")
			return err
		}
		if !absent(err) {
			return err
		}
	}
	out, err := api.vault.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &c.Name})
	if err != nil {
		return err
	}
	value := append(out.SecretBinary, awsproto.Value(out.SecretString)...)
	if out.SecretString != nil {
		value = append(value, '\n')
	}
	_, err = os.Stdout.Write(value)
	return err
}
