package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"slipway/api/codebuild"
	"slipway/api/codecommit"
	"slipway/api/codepipeline"
	"slipway/api/slipway"
)

const (
	name       = "greeter"
	production = "production"
	hosts      = 4
)

// story is the demo, step by step.
func (d *demo) story(ctx context.Context) error {
	for _, step := range []func(context.Context) error{d.repository, d.projects, d.fleet, d.balancer, d.group,
		d.firstPush, d.definition, d.release, d.goodPush, d.badPush} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) repository(ctx context.Context) error {
	say("Creating the repository %s", name)
	_, err := d.source.CreateRepository(ctx,
		&codecommit.CreateRepositoryInput{RepositoryName: new(name), RepositoryDescription: new("A small web service")})
	return err
}

func (d *demo) projects(ctx context.Context) error {
	say("Creating the build projects %s-build and %s-test with a common cache, and a bucket for artifacts", name, name)
	for project, buildspec := range map[string]string{name + "-build": "buildspec.yml",
		name + "-test": "buildspec-test.yml"} {
		if _, err := d.builds.CreateProject(ctx, &codebuild.CreateProjectInput{
			Name: &project, ServiceRole: new("arn:aws:iam::123456789012:role/slipway"),
			Source:    &codebuild.ProjectSource{Type: codebuild.SourceTypeCodepipeline, Buildspec: &buildspec},
			Artifacts: &codebuild.ProjectArtifacts{Type: codebuild.ArtifactsTypeCodepipeline},
			Cache: &codebuild.ProjectCache{Type: codebuild.CacheTypeLocal, CacheNamespace: new(name),
				Modes: []codebuild.CacheMode{codebuild.CacheModeLocalCustomCache}},
			Environment: &codebuild.ProjectEnvironment{
				Type:        codebuild.EnvironmentTypeLinuxContainer,
				Image:       new("host"),
				ComputeType: codebuild.ComputeTypeBuildGeneral1Small,
			},
		}); err != nil {
			return err
		}
	}
	return d.bucket(ctx, name+"-artifacts")
}

// fleet registers four hosts, each with an agent and a folder of its own on this machine.
func (d *demo) fleet(ctx context.Context) error {
	say("Registering %d hosts and starting their agents", hosts)
	for i := range hosts {
		host := fmt.Sprintf("host-%d", i+1)
		out, err := d.own.CreateHost(ctx,
			&slipway.CreateHostInput{Name: &host, Tags: map[string]string{"service": name, "side": sideOf(i)}})
		if err != nil {
			return err
		}
		root := d.root(i)
		port, err := freePort()
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Join(root, "etc", name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(root, "etc", name, "port"), []byte(strconv.Itoa(port)+"\n"),
			0o644); err != nil {
			return err
		}
		if _, err := d.launch(host,
			[]string{"AWS_ACCESS_KEY_ID=" + *out.AccessKeyId, "AWS_SECRET_ACCESS_KEY=" + *out.SecretAccessKey},
			"agent", "--endpoint", d.url, "--region", region, "--name", host, "--root", root, "--service",
			fmt.Sprintf("127.0.0.1:%d", port)); err != nil {
			return err
		}
		detail("%s (%s) serves at 127.0.0.1:%d", host, sideOf(i), port)
	}
	return nil
}

func (d *demo) root(i int) string { return filepath.Join(d.dir, "hosts", fmt.Sprintf("host-%d", i+1)) }

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

func (d *demo) checkout() string { return filepath.Join(d.dir, "checkout") }

// firstPush puts the example into the repository with the real git.
func (d *demo) firstPush(ctx context.Context) error {
	say("Pushing examples/greeter with git")
	if err := os.CopyFS(d.checkout(), os.DirFS("examples/greeter")); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"init", "--quiet", "--initial-branch=main"},
		{"config", "user.name", "Ada"},
		{"config", "user.email", "ada@example.com"},
		{"config", "credential.helper", "!'" + d.program + "' git-credential"},
		{"config", "credential.useHttpPath", "true"},
		{"remote", "add", "origin", d.url + "/v1/repos/" + name},
		{"add", "."},
		{"commit", "--quiet", "-m", "Greet the world"},
		{"push", "--quiet", "origin", "main"},
	} {
		if err := d.git(ctx, args...); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) git(ctx context.Context, args ...string) error {
	c := exec.CommandContext(ctx, "git", args...)
	c.Dir = d.checkout()
	c.Env = append(os.Environ(), "GIT_TERMINAL_PROMPT=0", "AWS_ACCESS_KEY_ID="+d.key.AccessKeyID,
		"AWS_SECRET_ACCESS_KEY="+d.key.SecretAccessKey, "AWS_REGION="+region)
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("git %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// definition creates the pipeline, which starts at once.
func (d *demo) definition(ctx context.Context) error {
	say("Creating the pipeline: Source, Build, Test, Approve, Deploy")
	text, err := os.ReadFile("examples/pipeline.json")
	if err != nil {
		return err
	}
	var file struct {
		Pipeline *codepipeline.PipelineDeclaration `json:"pipeline"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return err
	}
	_, err = d.pipeline.CreatePipeline(ctx, &codepipeline.CreatePipelineInput{Pipeline: file.Pipeline})
	detail("its page: %s/pipelines/%s", d.url, name)
	return err
}

// sideOf is the side of a host: the first two are blue.
func sideOf(i int) string { return sides[i*len(sides)/hosts] }

// release sees the first execution through: build, test, approval, deployment to the blue side, which nobody uses yet;
// then its hosts must answer with the commit.
func (d *demo) release(ctx context.Context) error {
	id, commit, err := d.approval(ctx)
	if err != nil {
		return err
	}
	if err := d.approve(ctx); err != nil {
		return err
	}
	if err := d.succeeds(ctx, id); err != nil {
		return err
	}
	list, err := d.own.ListReleases(ctx, &slipway.ListReleasesInput{MaxResults: new(int32(1))})
	if err != nil {
		return err
	}
	d.released = *list.Releases[0].DeploymentId
	return d.answers(ctx, "blue", commit[:8])
}

// answers asks every host of a side.
func (d *demo) answers(ctx context.Context, side, version string) error {
	say("Asking the %s hosts", side)
	for i := range hosts {
		if sideOf(i) != side {
			continue
		}
		port, err := os.ReadFile(filepath.Join(d.root(i), "etc", name, "port"))
		if err != nil {
			return err
		}
		url := "http://127.0.0.1:" + strings.TrimSpace(string(port)) + "/"
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return fmt.Errorf("host-%d: %w", i+1, err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			return err
		}
		detail("host-%d: %s", i+1, strings.TrimSpace(string(body)))
		if !strings.Contains(string(body), "version "+version) {
			return fmt.Errorf("host-%d should answer with version %s, and says %q", i+1, version, body)
		}
	}
	return nil
}

// hint says what to do next.
func (d *demo) hint() {
	say("Slipway stays up. The page: %s", d.url)
	detail("users are served at %s", d.front)
	detail("sign in with the key in .demo/data/keys/administrator")
	detail("change a file in .demo/checkout, commit, push, and watch:")
	detail("  cd .demo/checkout; set -a; . ../data/keys/administrator; set +a; git push origin main")
	detail("Ctrl-C stops everything")
}
