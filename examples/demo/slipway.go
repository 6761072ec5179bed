package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"slipway/api/awsproto"
	"slipway/api/awsproto/sigv4"
	"slipway/api/codebuild"
	"slipway/api/codecommit"
	"slipway/api/codedeploy"
	"slipway/api/codepipeline"
	"slipway/api/slipway"
)

const region = "us-east-1"

// demo is a running Slipway and its clients.
type demo struct {
	dir     string // .demo
	program string // bin/slipway
	url     string
	key     sigv4.Credentials
	ended   chan struct{}
	procs   []*exec.Cmd

	source   codecommit.Client
	builds   codebuild.Client
	deploys  codedeploy.Client
	pipeline codepipeline.Client
	own      slipway.Client

	balancers *elb.Client
	listener  string // its ARN
	front     string // the address that users come to
	users     *users
	executed  string // the newest execution that was seen
	released  string // the deployment of the newest release
	carries   string // the version that carries all traffic
}

// start starts `slipway up` in a fresh folder.
func start(ctx context.Context, dir string) (*demo, error) {
	program, err := filepath.Abs("bin/slipway")
	if err != nil {
		return nil, err
	}
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	listen, err := address()
	if err != nil {
		return nil, err
	}
	say("Starting Slipway: slipway up --data .demo/data --listen %s", listen)
	d := &demo{dir: dir, program: program, url: "http://" + listen, ended: make(chan struct{})}
	up := []string{"up", "--data", filepath.Join(dir, "data"), "--listen", listen, "--region", region}
	if _, err := exec.LookPath("bwrap"); err != nil {
		say(
			"There is no bubblewrap here: the demo's builds run with your own rights (--no-sandbox). Install it " +
				"with: " +
				"apt-get install bubblewrap")
		up = append(up, "--no-sandbox")
	}
	if _, err := d.launch("slipway", nil, up...); err != nil {
		return nil, err
	}
	if err := d.wait(ctx, "slipway to answer", func() (bool, error) {
		resp, err := http.Get(d.url + "/readyz")
		if err != nil {
			return false, nil //nolint:nilerr // it is not up yet
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK, nil
	}); err != nil {
		return d, errors.Join(err, d.stop())
	}
	if d.key, err = administrator(filepath.Join(dir, "data", "keys", "administrator")); err != nil {
		return d, errors.Join(err, d.stop())
	}
	conn := &awsproto.Client{Endpoint: d.url, Region: region, Credentials: d.key}
	d.source, d.builds, d.deploys = codecommit.Client{Client: conn}, codebuild.Client{Client: conn}, codedeploy.Client{
		Client: conn,
	}
	d.pipeline, d.own = codepipeline.Client{Client: conn}, slipway.Client{Client: conn}
	d.balancers = elb.New(elb.Options{
		Region:       region,
		BaseEndpoint: &d.url,
		Credentials:  credentials.NewStaticCredentialsProvider(d.key.AccessKeyID, d.key.SecretAccessKey, ""),
	})
	return d, nil
}

// address finds one to serve at: port 8080, or the next that is free.
func address() (string, error) {
	if listen := os.Getenv("DEMO_LISTEN"); listen != "" {
		return listen, nil
	}
	for port := 8080; port < 8180; port++ {
		listen := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		if l, err := net.Listen("tcp", listen); err == nil {
			return listen, l.Close()
		}
	}
	return "", errors.New("no port from 8080 to 8179 is free; set DEMO_LISTEN=HOST:PORT")
}

func administrator(file string) (k sigv4.Credentials, err error) {
	text, err := os.ReadFile(file)
	for line := range strings.Lines(string(text)) {
		switch name, value, _ := strings.Cut(strings.TrimSpace(line), "="); name {
		case "AWS_ACCESS_KEY_ID":
			k.AccessKeyID = value
		case "AWS_SECRET_ACCESS_KEY":
			k.SecretAccessKey = value
		}
	}
	return k, err
}

// launch starts a slipway process whose output goes to a file of its name.
func (d *demo) launch(name string, environment []string, args ...string) (*exec.Cmd, error) {
	log, err := os.Create(filepath.Join(d.dir, name+".log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	c := exec.Command(d.program, args...)
	c.Stdout, c.Stderr = log, log
	c.Env = append(os.Environ(), environment...)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if err := c.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w. Build it first with: make build", d.program, err)
	}
	d.procs = append(d.procs, c)
	return c, nil
}

// stop ends the services on the hosts, the agents, and Slipway.
func (d *demo) stop() error {
	pids, _ := filepath.Glob(filepath.Join(d.dir, "hosts", "*", "run", "greeter.pid"))
	for _, file := range pids {
		if text, err := os.ReadFile(file); err == nil {
			if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
				_ = syscall.Kill(pid, syscall.SIGTERM)
			}
		}
	}
	var failed error
	for i := len(d.procs) - 1; i >= 0; i-- {
		c := d.procs[i]
		_ = c.Process.Signal(syscall.SIGTERM)
		if err := within(10*time.Second, c.Wait); err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", strings.Join(c.Args[1:2], " "), err))
		}
	}
	d.procs = nil
	return failed
}

func within(limit time.Duration, f func() error) error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == -1 {
			return nil // it ended by the signal
		}
		return err
	case <-time.After(limit):
		return fmt.Errorf("it did not end within %s", limit)
	}
}

// wait asks again and again until something holds.
func (d *demo) wait(ctx context.Context, what string, f func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		ok, err := f()
		if err != nil || ok {
			return err
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w\n%s", what, ctx.Err(), tail(filepath.Join(d.dir, "slipway.log"), 20))
		}
	}
}

// tail returns the last lines of a file.
func tail(file string, n int) string {
	f, err := os.Open(file)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	var lines []string
	for s := bufio.NewScanner(f); s.Scan(); {
		if lines = append(lines, s.Text()); len(lines) > n {
			lines = lines[1:]
		}
	}
	return strings.Join(lines, "\n")
}
