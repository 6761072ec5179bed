package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/google/uuid"

	"slipway/api/awsproto"
	"slipway/api/secretsmanager"
	"slipway/api/ssm"
)

type secretsPutCommand struct {
	client
	Name        string  `arg:"" help:"Its name: of a parameter with / in front and between its parts, such as /web/token."`
	Secret      bool    `help:"A secret of Secrets Manager, and not a parameter."`
	Plain       bool    `help:"A parameter that is not encrypted, and not masked in logs."`
	Description *string `help:"What it is for." placeholder:"TEXT"`
}

// maxSecret bounds what is read of a value: Secrets Manager takes 65,536 bytes.
const maxSecret = 1 << 20

func (c *secretsPutCommand) Run(ctx context.Context) error {
	if c.Plain && c.Secret {
		return usage("a secret is always encrypted: --plain is for parameters")
	}
	api, err := c.contract()
	if err != nil {
		return err
	}
	value, err := readValue(ctx, c.Name)
	if err != nil {
		return err
	}
	if c.Secret {
		return c.putSecret(ctx, api, value)
	}
	in := &ssm.PutParameterInput{Name: &c.Name, Value: &value, Type: ssm.ParameterTypeSecureString,
		Description: c.Description, Overwrite: new(true)}
	if c.Plain {
		in.Type = ssm.ParameterTypeString
	}
	out, err := api.ssm.PutParameter(ctx, in)
	if err == nil {
		fmt.Printf("%s has version %d.\n", c.Name, awsproto.Value(out.Version))
	}
	return err
}

// putSecret gives a secret a new version, or creates it.
func (c *secretsPutCommand) putSecret(ctx context.Context, api *contract, value string) error {
	token := new(uuid.NewString())
	out, err := api.vault.PutSecretValue(ctx,
		&secretsmanager.PutSecretValueInput{SecretId: &c.Name, SecretString: &value, ClientRequestToken: token})
	if _, none := errors.AsType[*secretsmanager.ResourceNotFoundException](err); none {
		_, err = api.vault.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: &c.Name, SecretString: &value,
			Description: c.Description, ClientRequestToken: token})
		if err == nil {
			fmt.Printf("The secret %s is created.\n", c.Name)
		}
		return err
	}
	if err != nil {
		return err
	}
	if c.Description != nil {
		_, err = api.vault.UpdateSecret(ctx, &secretsmanager.UpdateSecretInput{SecretId: &c.Name,
			Description: c.Description})
	}
	if err == nil {
		fmt.Printf("%s has version %s.\n", c.Name, awsproto.Value(out.VersionId))
	}
	return err
}

// readValue asks for a value where somebody types, and reads all of the standard input elsewhere, without the newline
// at its end.
func readValue(ctx context.Context, name string) (string, error) {
	if ask := promptSecret(ctx); ask != nil {
		value, err := ask(name, "its new value")
		if err == nil && value == "" {
			err = usage("nothing was typed: %s stays as it is", name)
		}
		return value, err
	}
	text, err := io.ReadAll(io.LimitReader(os.Stdin, maxSecret))
	value := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	if err == nil && value == "" {
		err = usage("the standard input is empty: %s stays as it is", name)
	}
	return value, err
}

type secretsRemoveCommand struct {
	client
	Name   string `arg:"" help:"The name, as slipway secrets lists it."`
	Secret bool   `help:"A secret of Secrets Manager, and not a parameter. It can be restored for 30 days."`
	Now    bool   `help:"Of a secret: at once and for good."`
}

func (c *secretsRemoveCommand) Run(ctx context.Context) error {
	if c.Now && !c.Secret {
		return usage("a parameter is always removed at once and for good: --now is for secrets (--secret)")
	}
	api, err := c.contract()
	if err != nil {
		return err
	}
	if !c.Secret {
		_, err := api.ssm.DeleteParameter(ctx, &ssm.DeleteParameterInput{Name: &c.Name})
		if absent(err) {
			err = missing("there is no parameter %s; the secret of that name is removed with --secret", c.Name)
		}
		return err
	}
	in := &secretsmanager.DeleteSecretInput{SecretId: &c.Name}
	if c.Now {
		in.ForceDeleteWithoutRecovery = new(true)
	}
	out, err := api.vault.DeleteSecret(ctx, in)
	if err == nil && !c.Now {
		fmt.Printf("%s goes on %s. Until then: aws secretsmanager restore-secret --secret-id %[1]s\n", c.Name,
			out.DeletionDate.Format("2006-01-02"))
	}
	return err
}
