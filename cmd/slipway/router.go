package main

import (
	"context"
	"runtime/debug"

	"slipway/api/awsproto/sigv4"
	"slipway/internal/app"
	"slipway/internal/router"
)

type routerCommand struct {
	client
	Data    string `help:"Data folder of the server on this machine, or a folder of the router's own." default:"slipway-data" env:"SLIPWAY_DATA" type:"path"`
	Name    string `help:"Name of this router." default:"local"`
	Listen  string `help:"Address on which listeners of load balancers open their ports; 0.0.0.0 for all." default:"127.0.0.1" env:"SLIPWAY_PORTS"`
	Metrics string `help:"Address of the metrics for Prometheus; empty for none." default:"127.0.0.1:8089" env:"SLIPWAY_METRICS"`
}

// garbage is how far the heap may grow, in percent, before it is collected. A router keeps little and throws much away.
const garbage = 500

func (*routerCommand) Help() string {
	return "The server says which ports it opens; it serves on while the server is away.\n\n" +
		"  slipway router --endpoint http://slipway.example.com:8080 --listen 0.0.0.0"
}

func (c *routerCommand) Run(ctx context.Context) error {
	app.Private()
	data, err := app.Open(c.Data)
	if err != nil {
		return err
	}
	key, err := keyOf(data, "router")
	if err != nil {
		return err
	}
	debug.SetGCPercent(garbage)
	lock, err := data.Lock("router", "")
	if err != nil {
		return err
	}
	defer lock.Release()
	return router.Serve(
		ctx,
		router.Config{
			Endpoint:    c.Endpoint,
			Region:      c.Region,
			Credentials: sigv4.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret},
			Name:        c.Name,
			Dir:         data.Router(),
			Listen:      c.Listen,
			Metrics:     c.Metrics,
			Log:         logger(),
			Ready:       app.SayReady,
		},
	)
}
