package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"slipway/api/awsproto"
	"slipway/api/codeconnections"
	"slipway/api/slipway"
	"slipway/internal/terminal"
)

type connectionsCommand struct {
	List       connectionsListCommand       `cmd:"" default:"withargs" help:"List the connections to forges."`
	Add        connectionsAddCommand        `cmd:"" help:"Connect to a forge: GitHub, GitLab, Bitbucket, Gitea, Forgejo, or any server with Git repositories."`
	Complete   connectionsCompleteCommand   `cmd:"" help:"Give a connection its token, or a new one."`
	Webhook    connectionsWebhookCommand    `cmd:"" help:"Make the webhook by which a forge tells of pushes and pull requests."`
	Deliveries connectionsDeliveriesCommand `cmd:"" help:"List what a forge delivered, and which pipelines it started or not, and why."`
	Delete     connectionsDeleteCommand     `cmd:"" help:"Delete a connection. Pipelines that use it fail."`
}

func (*connectionsCommand) Help() string { return (*connectionsListCommand)(nil).Help() }

type connectionsListCommand struct {
	client
	printer
}

func (*connectionsListCommand) Help() string {
	return "Pipelines take their source from a forge over a connection (CodeStarSourceConnection).\n\n" +
		"  slipway connections add hub --type GitHub < token.txt\n" +
		"  slipway connections add tea --type Gitea --url https://git.example.com\n" +
		"  slipway connections webhook tea --repository team/app\n" +
		"  slipway connections deliveries tea"
}

func (c *connectionsListCommand) Run(ctx context.Context) error {
	api, err := c.contract()
	if err != nil {
		return err
	}
	all, err := api.everyConnection(ctx)
	if err != nil {
		return err
	}
	return c.print(&codeconnections.ListConnectionsOutput{Connections: all}, func(t *terminal.Table) {
		t.Head("NAME", "TYPE", "STATUS", "ARN")
		for _, x := range all {
			t.Row(terminal.Pointed(x.ConnectionName), terminal.Text(string(x.ProviderType)),
				terminal.Text(string(x.ConnectionStatus)), terminal.Pointed(x.ConnectionArn))
		}
		if len(all) == 0 {
			t.Note("No connection. Make one with: slipway connections add NAME --type GitHub")
		}
	})
}

// everyConnection lists the connections, all pages of them.
func (c *contract) everyConnection(ctx context.Context) (all []codeconnections.Connection, err error) {
	in := &codeconnections.ListConnectionsInput{}
	for {
		out, err := c.connections.ListConnections(ctx, in)
		if err != nil {
			return nil, err
		}
		if all = append(all, out.Connections...); out.NextToken == nil {
			return all, nil
		}
		in.NextToken = out.NextToken
	}
}

// connection is the server, and the ARN of its connection that a command names.
func (c *client) connection(ctx context.Context, name string) (api *contract, arn string, err error) {
	if api, err = c.contract(); err != nil {
		return nil, "", err
	}
	arn, err = api.connection(ctx, name)
	return api, arn, err
}

// connection is the ARN of a connection by its name or ARN.
func (c *contract) connection(ctx context.Context, name string) (string, error) {
	if strings.HasPrefix(name, "arn:") {
		return name, nil
	}
	all, err := c.everyConnection(ctx)
	if err != nil {
		return "", err
	}
	var names []string
	for _, x := range all {
		if awsproto.Value(x.ConnectionName) == name {
			return *x.ConnectionArn, nil
		}
		names = append(names, awsproto.Value(x.ConnectionName))
	}
	return "", usage("there is no connection %q%s", name, meant(name, names))
}

type connectionsAddCommand struct {
	client
	Name string `arg:"" help:"The name of the connection."`
	Type string `required:"" help:"GitHub, GitLab, Bitbucket, GitHubEnterpriseServer, GitLabSelfManaged, Gitea (Forgejo too), or Git." placeholder:"TYPE"`
	URL  string `help:"The address of a forge of your own: https://git.example.com." placeholder:"ADDRESS"`
	User string `help:"The user name that belongs to the token, for Bitbucket and for plain Git." placeholder:"USER"`
}

// tokenHelp says where a token comes from.
const tokenHelp = "The token is read from the variable SLIPWAY_FORGE_TOKEN, from standard input, or asked for at a " +
	"terminal; it is kept encrypted and never shown. It needs the right to read repositories, to write commit " +
	"statuses, and, to make webhooks, to manage these."

func (*connectionsAddCommand) Help() string {
	return tokenHelp + "\n\n" +
		"  slipway connections add hub --type GitHub < token.txt\n" +
		"  slipway connections add tea --type Gitea --url https://git.example.com"
}

func (c *connectionsAddCommand) Run(ctx context.Context) error {
	token, err := forgeToken(ctx, c.Name)
	if err != nil {
		return err
	}
	api, err := c.contract()
	if err != nil {
		return err
	}
	in := &codeconnections.CreateConnectionInput{ConnectionName: &c.Name}
	kind := codeconnections.ProviderType(c.Type)
	if !slices.Contains(kind.Values(), c.Type) {
		return usage("%q is no type of a forge. There are %s", c.Type, strings.Join(kind.Values(), ", "))
	}
	if c.URL == "" {
		in.ProviderType = kind
	} else {
		host, err := api.connections.CreateHost(ctx, &codeconnections.CreateHostInput{Name: &c.Name, ProviderType: kind,
			ProviderEndpoint: &c.URL})
		if err != nil {
			return err
		}
		in.HostArn = host.HostArn
	}
	made, err := api.connections.CreateConnection(ctx, in)
	if err != nil {
		return err
	}
	return api.complete(ctx, c.Name, *made.ConnectionArn, c.User, token)
}

// complete gives a connection its token.
func (c *contract) complete(ctx context.Context, name, arn, user, token string) error {
	in := &slipway.CompleteConnectionInput{ConnectionArn: &arn, Token: &token}
	if user != "" {
		in.UserName = &user
	}
	out, err := c.slipway.CompleteConnection(ctx, in)
	if err != nil {
		return fmt.Errorf("%w\nThe connection %s waits for a token: slipway connections complete %[2]s", err, name)
	}
	as := ""
	if out.Account != nil {
		as = " as " + *out.Account
	}
	fmt.Fprintf(os.Stdout, "The connection %s is %s%s: %s\n", name, *out.ConnectionStatus, as, arn)
	return nil
}

// forgeToken reads a token without showing it.
func forgeToken(ctx context.Context, of string) (string, error) {
	token := os.Getenv("SLIPWAY_FORGE_TOKEN")
	var err error
	switch {
	case token != "":
	case term.IsTerminal(int(os.Stdin.Fd())):
		token, err = readPassword(ctx, int(os.Stdin.Fd()), os.Stderr, "Token of "+of+": ")
	default:
		var text []byte
		text, err = io.ReadAll(io.LimitReader(os.Stdin, maxToken))
		token = string(text)
	}
	return strings.TrimSpace(token), err
}

type connectionsCompleteCommand struct {
	client
	Name string `arg:"" help:"The name or the ARN of the connection."`
	User string `help:"The user name that belongs to the token, for Bitbucket and for plain Git." placeholder:"USER"`
}

func (*connectionsCompleteCommand) Help() string { return tokenHelp }

func (c *connectionsCompleteCommand) Run(ctx context.Context) error {
	token, err := forgeToken(ctx, c.Name)
	if err != nil {
		return err
	}
	api, arn, err := c.connection(ctx, c.Name)
	if err != nil {
		return err
	}
	return api.complete(ctx, c.Name, arn, c.User, token)
}

type connectionsWebhookCommand struct {
	client
	Name       string `arg:"" help:"The name or the ARN of the connection."`
	Repository string `help:"Make the webhook at the forge, for this repository, with the connection's token." placeholder:"OWNER/NAME"`
}

func (*connectionsWebhookCommand) Help() string {
	return "Without --repository it makes a new secret, and shows it and the payload URL once: give both to webhooks " +
		"at the forge, for pushes and pull requests. One payload URL serves all repositories and pipelines of the " +
		"connection; webhooks with the secret before are refused from then on."
}

func (c *connectionsWebhookCommand) Run(ctx context.Context) error {
	api, arn, err := c.connection(ctx, c.Name)
	if err != nil {
		return err
	}
	if c.Repository != "" {
		in := &slipway.RegisterConnectionWebhookInput{ConnectionArn: &arn, FullRepositoryId: &c.Repository}
		out, err := api.slipway.RegisterConnectionWebhook(ctx, in)
		if err != nil {
			return err
		}
		fmt.Fprintf(os.Stdout, "%s delivers pushes and pull requests to %s\n", c.Repository, *out.PayloadUrl)
		return nil
	}
	out, err := api.slipway.RotateConnectionWebhook(ctx, &slipway.ConnectionInput{ConnectionArn: &arn})
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stdout, "Payload URL: %s\nSecret:      %s\nThe secret is not shown again.\n", *out.PayloadUrl,
		*out.Secret)
	return nil
}

type connectionsDeliveriesCommand struct {
	client
	printer
	Name string `arg:"" help:"The name or the ARN of the connection."`
}

func (c *connectionsDeliveriesCommand) Run(ctx context.Context) error {
	api, arn, err := c.connection(ctx, c.Name)
	if err != nil {
		return err
	}
	out, err := api.slipway.ListConnectionDeliveries(ctx, &slipway.ConnectionInput{ConnectionArn: &arn})
	if err != nil {
		return err
	}
	now := time.Now()
	return c.print(out, func(t *terminal.Table) {
		t.Head("EVENT", "REPOSITORY", "REF", "OUTCOME", "RECEIVED", "WHY")
		for _, d := range out.Deliveries {
			t.Row(terminal.Pointed(d.Event), terminal.Pointed(d.Repository), terminal.Pointed(d.Ref),
				terminal.Pointed(d.Outcome), terminal.Text(terminal.Ago(d.Time, now)), terminal.Text(whyDelivered(&d)))
		}
		if len(out.Deliveries) == 0 {
			t.Note("No deliveries. Make a webhook with: slipway connections webhook " + c.Name)
		}
	})
}

// whyDelivered says what a delivery did and did not start.
func whyDelivered(d *slipway.ConnectionDelivery) string {
	all := []string{}
	if d.Reason != nil {
		all = append(all, *d.Reason)
	}
	for _, p := range d.Pipelines {
		what := awsproto.Value(p.PipelineName) + ": "
		if p.PipelineExecutionId != nil {
			what += "started " + *p.PipelineExecutionId + ". "
		}
		all = append(all, what+awsproto.Value(p.Reason))
	}
	return strings.Join(all, " ")
}

type connectionsDeleteCommand struct {
	client
	Name string `arg:"" help:"The name or the ARN of the connection."`
}

func (c *connectionsDeleteCommand) Run(ctx context.Context) error {
	api, arn, err := c.connection(ctx, c.Name)
	if err != nil {
		return err
	}
	_, err = api.connections.DeleteConnection(ctx, &codeconnections.DeleteConnectionInput{ConnectionArn: &arn})
	return err
}
