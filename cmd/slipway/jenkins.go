package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"slipway/api/slipway"
	"slipway/internal/terminal"
)

type jenkinsCommand struct {
	List   jenkinsListCommand   `cmd:"" default:"withargs" help:"List the servers of Jenkins that pipelines build on."`
	Add    jenkinsAddCommand    `cmd:"" help:"Add a server of Jenkins, or change one."`
	Delete jenkinsDeleteCommand `cmd:"" help:"Delete a server of Jenkins. Actions that wait for its builds fail."`
}

func (*jenkinsCommand) Help() string { return (*jenkinsListCommand)(nil).Help() }

type jenkinsListCommand struct {
	client
	printer
}

func (*jenkinsListCommand) Help() string {
	return "Each server gives pipelines actions of its name: owner Custom, category Build or Test, with the " +
		"configuration ProjectName, as AWS's plugin for Jenkins has them. Slipway starts the builds and follows " +
		"them.\n\n" +
		"  slipway jenkins\n" +
		"  slipway jenkins add CI --url https://jenkins.example.com/ --user slipway\n" +
		"  slipway jenkins delete CI"
}

func (c *jenkinsListCommand) Run(ctx context.Context) error {
	api, err := c.contract()
	if err != nil {
		return err
	}
	out, err := api.slipway.ListJenkinsServers(ctx, &slipway.ListJenkinsServersInput{})
	if err != nil {
		return err
	}
	now := time.Now()
	return c.print(out, func(t *terminal.Table) {
		t.Head("NAME", "VERSION", "ADDRESS", "USER", "CHANGED")
		for _, x := range out.Servers {
			t.Row(terminal.Pointed(x.Name), terminal.Pointed(x.Version), terminal.Pointed(x.Url),
				terminal.Pointed(x.UserName), terminal.Text(terminal.Ago(x.ChangedTime, now)))
		}
		if len(out.Servers) == 0 {
			t.Note("No server of Jenkins. Add one with: slipway jenkins add NAME --url ADDRESS --user USER")
		}
	})
}

type jenkinsAddCommand struct {
	client
	Name    string `arg:"" help:"The provider of its actions in pipelines."`
	URL     string `required:"" help:"The address of Jenkins." placeholder:"ADDRESS"`
	User    string `required:"" help:"The user of Jenkins that builds are started as. It needs Job/Read, Job/Build and Job/Cancel."`
	Version string `default:"1" help:"The version of its action types."`
	Keep    bool   `help:"Keep the API token that it has."`
}

func (*jenkinsAddCommand) Help() string {
	return "The API token of the user is read from the variable SLIPWAY_JENKINS_TOKEN, from standard input, or asked " +
		"for at a terminal; it is kept encrypted. Make one on the page of the user in Jenkins, below Security.\n\n" +
		"  slipway jenkins add CI --url https://jenkins.example.com/ --user slipway < token.txt"
}

// maxToken bounds what is read as a token.
const maxToken = 4096

func (c *jenkinsAddCommand) Run(ctx context.Context) error {
	in := &slipway.PutJenkinsServerInput{Name: &c.Name, Version: &c.Version, Url: &c.URL, UserName: &c.User}
	if !c.Keep {
		token, err := jenkinsToken(ctx, c.User)
		if err != nil {
			return err
		}
		in.Token = &token
	}
	api, err := c.contract()
	if err != nil {
		return err
	}
	out, err := api.slipway.PutJenkinsServer(ctx, in)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stdout, "Jenkins %s at %s is the provider %s of build and test actions (owner Custom, "+
		"version %s).\n", *out.JenkinsVersion, c.URL, c.Name, c.Version)
	return nil
}

// jenkinsToken reads an API token without showing it.
func jenkinsToken(ctx context.Context, user string) (string, error) {
	token := os.Getenv("SLIPWAY_JENKINS_TOKEN")
	var err error
	switch {
	case token != "":
	case term.IsTerminal(int(os.Stdin.Fd())):
		token, err = readPassword(ctx, int(os.Stdin.Fd()), os.Stderr, "API token of "+user+": ")
	default:
		var text []byte
		text, err = io.ReadAll(io.LimitReader(os.Stdin, maxToken))
		token = string(text)
	}
	if token = strings.TrimSpace(token); token == "" && err == nil {
		err = errors.New("there is no API token: give it in SLIPWAY_JENKINS_TOKEN or on standard input, or keep the " +
			"one that the server has with --keep")
	}
	return token, err
}

type jenkinsDeleteCommand struct {
	client
	Name string `arg:"" help:"The name, as slipway jenkins lists it."`
}

func (c *jenkinsDeleteCommand) Run(ctx context.Context) error {
	api, err := c.contract()
	if err != nil {
		return err
	}
	_, err = api.slipway.DeleteJenkinsServer(ctx, &slipway.DeleteJenkinsServerInput{Name: &c.Name})
	return err
}
