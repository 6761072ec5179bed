package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"slipway/api/awsproto"
	"slipway/api/awsproto/sigv4"
	"slipway/api/codebuild"
	"slipway/api/codecommit"
	"slipway/api/codedeploy"
	"slipway/api/codepipeline"
	"slipway/api/slipway"
	"slipway/api/ssm"
)

const (
	region = "us-east-1"
	keyID  = "AKIABENCH00000000000"
	secret = "the-secret-of-the-bench"
)

// bench is what the measures share: a folder, and one Slipway that is up.
type bench struct {
	dir         string
	program     string
	fork, fsync time.Duration
	main        *slipwayUp
	n           int
}

func open(ctx context.Context) (*bench, error) {
	program, err := filepath.Abs("bin/slipway")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "slipway-bench-")
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return nil, err
	}
	b := &bench{dir: dir, program: program}
	b.main, err = b.up(ctx)
	return b, err
}

func (b *bench) close() {
	b.main.close()
	_ = os.RemoveAll(b.dir)
}

// slipwayUp is a running `slipway up` with its clients.
type slipwayUp struct {
	url        string
	data       string
	process    *exec.Cmd
	source     codecommit.Client
	builds     codebuild.Client
	deploys    codedeploy.Client
	pipeline   codepipeline.Client
	own        slipway.Client
	parameters ssm.Client
}

// up starts Slipway in a fresh folder and waits for its first answer.
func (b *bench) up(ctx context.Context) (*slipwayUp, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	listen := l.Addr().String()
	_ = l.Close()
	b.n++
	s := &slipwayUp{url: "http://" + listen, data: filepath.Join(b.dir, fmt.Sprintf("data-%d", b.n))}
	s.process = exec.Command(b.program, "up", "--data", s.data, "--listen", listen, "--region", region, "--builds", "4")
	s.process.Env = append(os.Environ(), "SLIPWAY_ACCESS_KEY_ID="+keyID, "SLIPWAY_SECRET_ACCESS_KEY="+secret)
	s.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	var log bytes.Buffer
	s.process.Stdout, s.process.Stderr = &log, &log
	if err := s.process.Start(); err != nil {
		return nil, fmt.Errorf("%w. Build it first: make build", err)
	}
	conn := &awsproto.Client{
		Endpoint:    s.url,
		Region:      region,
		Credentials: sigv4.Credentials{AccessKeyID: keyID, SecretAccessKey: secret},
	}
	s.source, s.builds, s.deploys = codecommit.Client{Client: conn}, codebuild.Client{Client: conn}, codedeploy.Client{
		Client: conn,
	}
	s.pipeline, s.own = codepipeline.Client{Client: conn}, slipway.Client{Client: conn}
	s.parameters = ssm.Client{Client: conn}
	return s, until(ctx, func() (bool, error) {
		resp, err := http.Get(s.url + "/readyz")
		if err != nil {
			return false, nil //nolint:nilerr // not yet
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK, nil
	})
}

func (s *slipwayUp) close() {
	_ = s.process.Process.Signal(syscall.SIGTERM)
	_ = s.process.Wait()
}

// until asks every two milliseconds, which is the precision of what is measured over the API.
func until(ctx context.Context, f func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for {
		ok, err := f()
		if ok || err != nil {
			return err
		}
		select {
		case <-time.After(2 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// put puts an object, or creates a bucket if key is empty.
func (s *slipwayUp) put(ctx context.Context, path string, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, s.url+"/"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	sigv4.Credentials{AccessKeyID: keyID, SecretAccessKey: secret}.Sign(r, sigv4.HexSHA256(body), region, "s3",
		time.Now())
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, err := io.ReadAll(resp.Body)
		return fmt.Errorf("PUT %s: %s: %s (%w)", path, resp.Status, text, err)
	}
	return nil
}
