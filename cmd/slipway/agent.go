package main

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"slipway/internal/agent"
)

type agentCommand struct {
	client
	Name    string `help:"Name of the on-premises instance that this host is." env:"SLIPWAY_HOST"`
	Root    string `help:"Folder that stands before every absolute path; scripts find it in SLIPWAY_ROOT." type:"path"`
	Service string `help:"Address (IP:PORT) at which the load balancer reaches the service of this host."`
	Config  string `help:"File with the host's key, as AWS's tools write it; used without a key in the environment." default:"/etc/codedeploy-agent/conf/codedeploy.onpremises.yml" type:"path"`
}

func (*agentCommand) Help() string {
	const example = "--endpoint http://slipway.example.com:8080 --name host-1 --root /srv/host-1 --service " +
		"10.0.0.7:8000"
	return "`slipway hosts create` prints the key of a host, for AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.\n\n" +
		"  slipway hosts create host-1 --tag service=web\n" +
		"  slipway agent " + example
}

func (c *agentCommand) Run(ctx context.Context) error {
	config := agent.Config{
		Endpoint: c.Endpoint,
		Region:   c.Region,
		Name:     c.Name,
		Root:     c.Root,
		Service:  c.Service,
		Log:      logger(),
	}
	key, err := keys()
	if err != nil {
		ferr := config.ReadOnPremises(c.Config)
		if errors.Is(ferr, fs.ErrNotExist) {
			return errors.New(
				"the agent needs the key of its host: in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or in " +
					c.Config +
					". `slipway hosts create NAME` makes one",
			)
		}
		if ferr != nil {
			return ferr
		}
	} else {
		config.Credentials = key
	}
	for _, prefix := range []string{"SLIPWAY_", "AWS_"} { // the scripts of deployments do not get them
		for _, name := range []string{"ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN"} {
			_ = os.Unsetenv(prefix + name)
		}
	}
	return agent.Run(ctx, config)
}
