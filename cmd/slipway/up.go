package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"strings"

	"slipway/internal/app"
	"slipway/internal/notify"
	"slipway/internal/terminal"
)

// place are the settings that `up` and `server` share.
type place struct {
	Data         string `help:"Data folder: everything that Slipway keeps." default:"slipway-data" env:"SLIPWAY_DATA" type:"path"`
	Listen       string `help:"Address to serve at." default:"127.0.0.1:8080" env:"SLIPWAY_LISTEN"`
	TLSCert      string `help:"Certificate file (PEM) to serve https with." env:"SLIPWAY_TLS_CERT" name:"tls-cert"`
	TLSKey       string `help:"Key file (PEM) of that certificate." env:"SLIPWAY_TLS_KEY" name:"tls-key"`
	TLSOwn       bool   `help:"Serve https with a certificate of the data folder's own authority (DATA/ca.pem)." env:"SLIPWAY_TLS_OWN" name:"tls-own"`
	ACME         string `help:"Domains, comma-separated, for a certificate from Let's Encrypt; it must reach the server at port 443." env:"SLIPWAY_ACME" name:"acme"`
	ACMEServer   string `help:"URL of another ACME authority's directory." env:"SLIPWAY_ACME_SERVER" name:"acme-server"`
	Region       string `help:"Region of a new data folder (AWS_REGION, AWS_DEFAULT_REGION or us-east-1)." env:"SLIPWAY_REGION"`
	Account      string `help:"Account of a new data folder, 12 digits (123456789012)." env:"SLIPWAY_ACCOUNT"`
	URL          string `help:"URL under which others reach this server (http://LISTEN)." env:"SLIPWAY_URL"`
	Database     string `help:"PostgreSQL to use (postgres://…) instead of a file in the data folder." env:"SLIPWAY_DATABASE"`
	Regions      string `help:"Regions that requests may be signed for, or any (at a loopback address any, else the folder's own)." env:"SLIPWAY_REGIONS"`
	Keep         string `help:"How long history is kept: builds=90d,executions=30d,deployments=forever (365d each; uploads=7d)." env:"SLIPWAY_KEEP"`
	Hosts        string `help:"More host names that the server answers to, comma-separated." env:"SLIPWAY_HOSTS"`
	HostNetworks string `help:"Networks (CIDR), comma-separated, whose addresses hosts may publish with agent --service." env:"SLIPWAY_HOST_NETWORKS"`
	Notify       string `help:"Networks (CIDR), comma-separated, that messages of SNS topics may go to besides public addresses." env:"SLIPWAY_NOTIFY_NETWORKS" name:"notify-networks"`
	SMTP         string `help:"Mail server for SNS subscriptions by mail: smtp://USER:PASSWORD@HOST:587?from=ADDRESS, or smtps://…" env:"SLIPWAY_SMTP" name:"smtp"`
	Prometheus   string `help:"URL of the Prometheus server that PromQL alarms ask." env:"SLIPWAY_PROMETHEUS"`
}

// secret are the settings whose addresses may hold a password. They are passed to processes by environment variables.
func (p place) secret() map[string]string {
	return map[string]string{"SLIPWAY_DATABASE": p.Database, "SLIPWAY_PROMETHEUS": p.Prometheus,
		"SLIPWAY_SMTP": p.SMTP}
}

// arguments hands the other settings on to a process.
func (p place) arguments() []string {
	args := []string{"--data=" + p.Data, "--listen=" + p.Listen}
	for flag, value := range map[string]string{
		"--region=":          p.Region,
		"--account=":         p.Account,
		"--url=":             p.URL,
		"--regions=":         p.Regions,
		"--hosts=":           p.Hosts,
		"--host-networks=":   p.HostNetworks,
		"--notify-networks=": p.Notify,
		"--keep=":            p.Keep,
		"--tls-cert=":        p.TLSCert,
		"--tls-key=":         p.TLSKey,
		"--acme=":            p.ACME,
		"--acme-server=":     p.ACMEServer,
	} {
		if value != "" {
			args = append(args, flag+value)
		}
	}
	if p.TLSOwn {
		args = append(args, "--tls-own")
	}
	return args
}

func (p place) tls() app.TLS {
	return app.TLS{Cert: p.TLSCert, Key: p.TLSKey, Own: p.TLSOwn, ACME: listed(p.ACME), Directory: p.ACMEServer}
}

// url is how the server is reached.
func (p place) url() string { return app.URL(p.URL, p.Listen, p.tls().On()) }

// listed reads a list with commas or spaces between its members.
func listed(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
}

type upCommand struct {
	place
	Builds     int      `help:"How many builds run at a time; 0 for twice the number of processors." default:"0" env:"SLIPWAY_BUILDS"`
	Fleet      string   `help:"The fleet whose builds the runner takes, by its name; it takes no others then." env:"SLIPWAY_FLEET" placeholder:"NAME"`
	NoSandbox  bool     `help:"Run builds without a sandbox if there is none: they have the runner's rights and can read its keys." env:"SLIPWAY_NO_SANDBOX"`
	Engine     string   `help:"Container engine whose images builds may run in: the address of Docker's or Podman's socket, auto for the usual one if it answers, or none." default:"auto" env:"SLIPWAY_ENGINE" placeholder:"unix:///var/run/docker.sock"`
	Privileged bool     `help:"Give builds privileged mode whose projects ask for it: they have an administrator's rights on this machine." env:"SLIPWAY_PRIVILEGED"`
	CacheSize  byteSize `help:"How much the caches of all projects may take on this machine, and those in one place of a bucket." default:"10GiB" env:"SLIPWAY_CACHE_SIZE" placeholder:"SIZE"`
	actionOptions
	Ports   string `help:"Address on which listeners of load balancers open their ports; 0.0.0.0 for all." default:"127.0.0.1" env:"SLIPWAY_PORTS"`
	Metrics string `help:"Address of the router's metrics for Prometheus; empty for none." default:"127.0.0.1:8089" env:"SLIPWAY_METRICS"`
}

func logger() *slog.Logger {
	level := slog.LevelInfo
	if os.Getenv("SLIPWAY_DEBUG") != "" {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
}

func (*upCommand) Help() string {
	return "Prints the page to open, which parts work on this machine, and, the first time, the administrator's " +
		"key.\n\n" +
		"  slipway up\n" +
		"  slipway up --data /srv/slipway --listen 0.0.0.0:8080 --url https://slipway.example.com"
}

func (c *upCommand) Run(ctx context.Context) error {
	app.Private()
	data, err := app.Open(c.Data)
	if err != nil {
		return err
	}
	c.Data = string(data)
	at, err := data.Place(c.Region, c.Account)
	if err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	for name, value := range c.secret() {
		if value == "" {
			continue
		}
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	if err := c.trustOwn(data); err != nil {
		return err
	}
	_, before, err := data.ReadKey("administrator")
	if err != nil {
		return err
	}
	up := &app.Up{
		Data:    data,
		Listen:  c.Listen,
		Program: program,
		Stderr:  os.Stderr,
		Log:     logger(),
		Server:  append([]string{"server"}, c.arguments()...),
		Runner:  c.runner(at.Region),
		Router: []string{
			"router",
			"--data=" + c.Data,
			"--endpoint=" + c.url(),
			"--region=" + at.Region,
			"--listen=" + c.Ports,
			"--metrics=" + c.Metrics,
		},
	}
	here := lookAround(ctx, c.NoSandbox, c.Engine)
	up.Ready = func() error { return c.banner(data, at, before, <-here) }
	return up.Run(ctx)
}

// runner returns the arguments of the runner.
func (c *upCommand) runner(region string) []string {
	all := []string{
		"runner",
		"--data=" + c.Data,
		"--endpoint=" + c.url(),
		"--region=" + region,
		fmt.Sprintf("--builds=%d", c.Builds),
		"--engine=" + c.Engine,
		fmt.Sprintf("--privileged=%t", c.Privileged),
		fmt.Sprintf("--cache-size=%d", c.CacheSize),
	}
	if c.Fleet != "" {
		all = append(all, "--fleet="+c.Fleet)
	}
	if c.NoSandbox {
		all = append(all, "--no-sandbox")
	}
	return append(all, c.forRunner()...)
}

// trustOwn has this process, and what it starts, trust the data folder's own authority, if that is what the
// server's certificate is from.
func (c *upCommand) trustOwn(data app.Data) error {
	if err := c.tls().Check(); err != nil || !c.TLSOwn {
		return err
	}
	if _, err := data.Authority(); err != nil {
		return err
	}
	return os.Setenv("SLIPWAY_CA", data.AuthorityFile())
}

// banner says where the page is, which parts work here, how to use it, and, the first time, the key that was made.
func (c *upCommand) banner(data app.Data, at app.Place, keyBefore bool, here works) error {
	var b strings.Builder
	b.WriteString("Slipway is up.\n\n")
	fmt.Fprintf(&b, "  page        %s\n", c.url())
	fmt.Fprintf(&b, "  region      %s, account %s\n", at.Region, at.Account)
	fmt.Fprintf(&b, "  data        %s\n", data)
	fmt.Fprintf(&b, "%s\n", here.lines(c.transport()))
	key, ok, err := data.ReadKey("administrator")
	if err != nil {
		return err
	}
	made := ok && !keyBefore && os.Getenv("SLIPWAY_ACCESS_KEY_ID") == ""
	if made && terminal.IsTerminal(os.Stdout) { // never into a service's log
		fmt.Fprintf(&b, "The administrator's key, printed this once; it is kept in %s/administrator:\n\n", data.Keys())
		fmt.Fprintf(&b, "  export AWS_ACCESS_KEY_ID=%s AWS_SECRET_ACCESS_KEY=%s\n", key.ID, key.Secret)
	} else {
		fmt.Fprintf(&b, "Paste into a terminal:\n\n  set -a; . %s/administrator; set +a\n", data.Keys())
	}
	if c.TLSOwn {
		fmt.Fprintf(&b, "  export AWS_CA_BUNDLE=%s GIT_SSL_CAINFO=%[1]s\n", data.AuthorityFile())
	}
	fmt.Fprintf(&b, "  export AWS_ENDPOINT_URL=%s AWS_DEFAULT_REGION=%s\n", c.url(), at.Region)
	b.WriteString("  aws codepipeline list-pipelines\n\n")
	_, err = os.Stdout.WriteString(b.String())
	return err
}

type serverCommand struct{ place }

func (*serverCommand) Help() string {
	return "With PostgreSQL several servers run side by side; docs/operating.md says how.\n\n" +
		"  slipway server --database postgres://slipway@db/slipway"
}

func (c *serverCommand) Run(ctx context.Context) error {
	app.Private()
	data, err := app.Open(c.Data)
	if err != nil {
		return err
	}
	at, err := data.Place(c.Region, c.Account)
	if err != nil {
		return err
	}
	key := app.Key{ID: os.Getenv("SLIPWAY_ACCESS_KEY_ID"), Secret: os.Getenv("SLIPWAY_SECRET_ACCESS_KEY")}
	for _, name := range []string{"SLIPWAY_ACCESS_KEY_ID", "SLIPWAY_SECRET_ACCESS_KEY"} {
		_ = os.Unsetenv(name) // no process that this one starts gets it
	}
	if (key.ID == "") != (key.Secret == "") {
		return fmt.Errorf("SLIPWAY_ACCESS_KEY_ID and SLIPWAY_SECRET_ACCESS_KEY must be set together")
	}
	if err := app.CheckRegions(c.Regions); err != nil {
		return err
	}
	keep, err := app.ParseKeep(c.Keep)
	if err != nil {
		return err
	}
	networks, err := prefixes(c.HostNetworks)
	if err != nil {
		return err
	}
	notified, err := prefixes(c.Notify)
	if err != nil {
		return err
	}
	var mail *notify.Mail
	if c.SMTP != "" {
		if mail, err = notify.ParseMail(c.SMTP); err != nil {
			return usage("%s", err)
		}
	}
	return app.Serve(ctx, app.Options{
		NotifyNetworks: notified,
		Mail:           mail,
		Keep:           keep,
		Data:           data,
		Listen:         c.Listen,
		TLS:            c.tls(),
		URL:            c.url(),
		Place:          at,
		Database:       c.Database,
		Prometheus:     c.Prometheus,
		Regions:        c.Regions,
		Hosts:          listed(c.Hosts),
		HostNetworks:   networks,
		Administrator:  key,
		Version:        version,
		Log:            logger(),
	})
}

// prefixes reads networks with commas between them.
func prefixes(list string) (all []netip.Prefix, err error) {
	for _, text := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' }) {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, usage("%q is no network; they look like 10.0.0.0/8", text)
		}
		all = append(all, p.Masked())
	}
	return all, nil
}
