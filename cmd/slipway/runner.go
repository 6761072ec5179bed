package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime"

	"slipway/api/awsproto/sigv4"
	"slipway/internal/app"
	"slipway/internal/runner"
	"slipway/internal/runner/executor/choice"
	"slipway/internal/runner/executor/container"
	"slipway/internal/runner/executor/host"
)

type runnerCommand struct {
	client
	Data       string   `help:"Data folder of the server on this machine, or a folder of the runner's own." default:"slipway-data" env:"SLIPWAY_DATA" type:"path"`
	Name       string   `help:"Name of this runner." default:"local"`
	Builds     int      `help:"How many builds run at a time; 0 for twice the number of processors." default:"0" env:"SLIPWAY_BUILDS"`
	Label      []string `help:"What this runner can, besides what it finds out itself: shown by ListRunners." placeholder:"LABEL"`
	Fleet      string   `help:"The fleet whose builds the runner takes, by its name; it takes no others then." env:"SLIPWAY_FLEET" placeholder:"NAME"`
	NoSandbox  bool     `help:"Run builds without a sandbox if there is none: they have the runner's rights and can read its keys." env:"SLIPWAY_NO_SANDBOX"`
	Engine     string   `help:"Container engine whose images builds may run in: the address of Docker's or Podman's socket, auto for the usual one if it answers, or none." default:"auto" env:"SLIPWAY_ENGINE" placeholder:"unix:///var/run/docker.sock"`
	Privileged bool     `help:"Give builds privileged mode whose projects ask for it: they have an administrator's rights on this machine." env:"SLIPWAY_PRIVILEGED"`
	actionOptions
	CacheSize byteSize `help:"How much the caches of all projects may take on this machine, and those in one place of a bucket; those that nobody has used for longest make room." default:"10GiB" env:"SLIPWAY_CACHE_SIZE" placeholder:"SIZE"`
	Pass      []string `help:"Variables of this environment that are passed to builds." default:"HTTP_PROXY,HTTPS_PROXY,NO_PROXY,http_proxy,https_proxy,no_proxy,SSL_CERT_FILE,SSL_CERT_DIR,GOPROXY,GONOSUMDB,GOSUMDB,GOFLAGS"`
}

func (*runnerCommand) Help() string {
	return "Builds run on the machine of the runner, in a sandbox, or in a container of their project's image where " +
		"Docker or Podman answers (--engine). A runner needs nothing of the server's but the key in keys/runner of " +
		"its data folder.\n\n" +
		"  set -a; . keys/runner; set +a   # AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY\n" +
		"  slipway runner --endpoint http://slipway.example.com:8080 --name linux-2 --builds 4\n" +
		"  slipway runner --endpoint http://slipway.example.com:8080 --name gpu-1 --fleet gpu"
}

func (c *runnerCommand) Run(ctx context.Context) error {
	app.Usual()
	data, err := app.Open(c.Data)
	if err != nil {
		return err
	}
	key, err := keyOf(data, "runner")
	if err != nil {
		return err
	}
	lock, err := data.Lock("runner", "")
	if err != nil {
		return err
	}
	defer lock.Release()
	builds := c.Builds
	if builds <= 0 {
		builds = 2 * runtime.NumCPU()
	}
	var authorities []byte
	if c.CA != "" {
		if authorities, err = os.ReadFile(c.CA); err != nil {
			return err
		}
	}
	app.SayReady()
	log := logger()
	executor, refuses := c.executor(ctx, log, string(data))
	return runner.Serve(
		ctx,
		runner.Config{
			Endpoint:    c.Endpoint,
			CA:          authorities,
			Region:      c.Region,
			Credentials: sigv4.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret},
			Name:        c.Name,
			Dir:         data.Runner(),
			Concurrency: builds,
			Pass:        c.Pass,
			Actions:     c.of(),
			Executor:    executor,
			Refuses:     refuses,
			Labels:      c.Label,
			Fleet:       c.Fleet,
			CacheSize:   int64(c.CacheSize),
			Log:         log,
		},
	)
}

// executor returns where builds run: in containers, and in a sandbox, or on this machine if there is none and the user
// allows that. Without an executor the runner takes no builds, and refuses says why. hidden are folders that builds
// must not see.
func (c *runnerCommand) executor(ctx context.Context, log *slog.Logger,
	hidden ...string) (executor runner.Executor, refuses string) {
	e := &choice.Executor{NoContainers: "this runner has no container engine"}
	sandboxed, err := host.Sandboxed(hidden...)
	switch {
	case err == nil:
		e.Host = sandboxed
	case c.NoSandbox:
		log.Warn("NO SANDBOX: builds run with this runner's own rights and can read its keys", "why", err)
		e.Host = host.Plain()
	default:
		e.NoHost = fmt.Sprintf("it has no sandbox: %v. Make bubblewrap work and start the runner again, or start it "+
			"with --no-sandbox (SLIPWAY_NO_SANDBOX=true): then builds run with the runner's own rights and can read "+
			"its keys.", err)
	}
	if err := c.containers(ctx, e, sandboxed); err != nil {
		if c.Engine != "auto" {
			log.Error("builds with an image cannot run here", "why", err)
		}
		e.NoContainers = err.Error()
	}
	if e.Host == nil && e.Containers == nil {
		return nil, e.NoHost
	}
	return e, ""
}

// containers adds the container engine, or says why there is none.
func (c *runnerCommand) containers(ctx context.Context, e *choice.Executor, sandboxed *host.Executor) error {
	config, err := engineConfig(c.Engine)
	if err != nil {
		return err
	}
	config.Privileged = c.Privileged
	if sandboxed != nil {
		config.Side = sandboxed
	}
	engine, err := container.New(ctx, config)
	if err != nil {
		return err
	}
	e.Containers = engine
	return nil
}
