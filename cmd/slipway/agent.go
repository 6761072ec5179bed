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
	Root    string `help:"Folder before every absolute path: several hosts fit on one machine, and nothing is written outside it." type:"path"`
	Service string `help:"Where the service of this host takes requests from the load balancer, as IP:PORT. Deployments with traffic control need it."`
	Config  string `help:"The file with the host's key, as AWS's tools write it; used if the environment holds no key." default:"/etc/codedeploy-agent/conf/codedeploy.onpremises.yml" type:"path"`
}

func (*agentCommand) Help() string {
	return "CreateHost makes the key of a host.\n\n" +
		"  slipway api slipway CreateHost '{\"name\": \"host-1\", \"tags\": {\"service\": \"web\"}}'\n" +
		"  slipway agent --endpoint http://slipway.example.com:8080 --name host-1 --root /srv/host-1 --service " +
		"10.0.0.7:8000"
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
				"the agent needs the key of its host: in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or in " + c.Config +
					". `slipway api slipway CreateHost '{\"name\": \"NAME\"}'` makes one",
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
