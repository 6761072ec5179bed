package main

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"slipway/api/codebuild"
	"slipway/api/codedeploy"
	"slipway/api/slipway"
)

const howMany, atATime = 100, 4

// builds runs a hundred builds of one command, four at a time, beside a hundred shells with one fsync each.
func builds(ctx context.Context, b *bench) (string, error) {
	s := b.main
	if _, err := s.builds.CreateProject(ctx, project("echo", codebuild.SourceTypeNoSource, echo)); err != nil {
		return "", err
	}
	allowed, err := atOnce(b.shellAndSync)
	if err != nil {
		return "", err
	}
	took, err := atOnce(func() error { return s.build(ctx, "echo") })
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%.1f builds/s; each costs %.0f × fork+exec; %.2f × the %.0f/s of sh -c and one fsync",
		howMany/took.Seconds(), float64(took)/howMany/float64(b.fork), float64(allowed)/float64(took),
		howMany/allowed.Seconds()), nil
}

// shellAndSync is the least that a build can cost: a shell that runs its command, and a result that is durable.
func (b *bench) shellAndSync() error {
	if err := exec.Command("/bin/sh", "-c", "echo hi").Run(); err != nil {
		return err
	}
	f, err := os.CreateTemp(b.dir, "result-")
	if err != nil {
		return err
	}
	_, err = f.WriteString("SUCCEEDED\n")
	return errors.Join(err, f.Sync(), f.Close(), os.Remove(f.Name()))
}

// atOnce does something a hundred times, four at a time, and returns how long that takes.
func atOnce(do func() error) (time.Duration, error) {
	began := time.Now()
	queue := make(chan int, howMany)
	for i := range howMany {
		queue <- i
	}
	close(queue)
	errs := make(chan error, atATime)
	var all sync.WaitGroup
	for range atATime {
		all.Go(func() {
			for range queue {
				if err := do(); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	all.Wait()
	select {
	case err := <-errs:
		return 0, err
	default:
		return time.Since(began), nil
	}
}

// build runs one build to its end.
func (s *slipwayUp) build(ctx context.Context, project string) error {
	out, err := s.builds.StartBuild(ctx, &codebuild.StartBuildInput{ProjectName: &project})
	if err != nil {
		return err
	}
	id := *out.Build.Id
	return until(ctx, func() (bool, error) {
		got, err := s.builds.BatchGetBuilds(ctx, &codebuild.BatchGetBuildsInput{Ids: []string{id}})
		if err != nil || len(got.Builds) == 0 || got.Builds[0].BuildComplete == nil || !*got.Builds[0].BuildComplete {
			return false, err
		}
		if status := got.Builds[0].BuildStatus; status != codebuild.StatusTypeSucceeded {
			return false, fmt.Errorf("build %s is %s", id, status)
		}
		return true, nil
	})
}

// logs compares a build that prints a million lines with sh that writes them into a file.
func logs(ctx context.Context, b *bench) (string, error) {
	spec := "version: 0.2\nenv:\n  shell: /bin/sh\nphases:\n  build:\n    commands:\n      - |\n        " + lines + "\n"
	if _, err := b.main.builds.CreateProject(ctx, project("lines", codebuild.SourceTypeNoSource, spec)); err != nil {
		return "", err
	}
	var ratios []float64
	var text string
	for range 3 {
		plain, err := b.shToFile()
		if err != nil {
			return "", err
		}
		began := time.Now()
		if err := b.main.build(ctx, "lines"); err != nil {
			return "", err
		}
		took := time.Since(began)
		ratios = append(ratios, float64(took)/float64(plain))
		text += fmt.Sprintf(" %s beside %s;", round(took), round(plain))
	}
	return fmt.Sprintf("%.2f × (%.2f, %.2f)%s", ratios[0], ratios[1], ratios[2], text), nil
}

// read compares `slipway logs` of the million lines with a client that fetches them as a file over HTTP.
func read(ctx context.Context, b *bench) (string, error) {
	id, err := b.main.newest(ctx, "lines")
	if err != nil {
		return "", fmt.Errorf("%w: measure logs before", err)
	}
	content, err := b.readLog(id)
	if err != nil {
		return "", err
	}
	server := httptest.NewServer(http.FileServer(http.Dir(b.dir)))
	defer server.Close()
	file := filepath.Join(b.dir, "served")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		return "", err
	}
	slipwayLogs, err := times(10, func() error { _, err := b.readLog(id); return err })
	if err != nil {
		return "", err
	}
	cat, err := times(10, func() error {
		c := exec.Command("curl", "-s", server.URL+"/served")
		_, err := c.Output()
		return err
	})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%.2f ×: slipway logs %s; curl %s", float64(median(slipwayLogs))/float64(median(cat)),
		spread(slipwayLogs), spread(cat)), nil
}

// readLog prints the log of a build.
func (b *bench) readLog(id string) ([]byte, error) {
	c := exec.Command(b.program, "logs", id)
	c.Env = append(os.Environ(), "SLIPWAY_ENDPOINT="+b.main.url, "AWS_REGION="+region,
		"AWS_ACCESS_KEY_ID="+keyID, "AWS_SECRET_ACCESS_KEY="+secret)
	return c.Output()
}

// newest is the ID of the newest build of a project.
func (s *slipwayUp) newest(ctx context.Context, project string) (string, error) {
	out, err := s.builds.ListBuildsForProject(ctx, &codebuild.ListBuildsForProjectInput{ProjectName: &project})
	if err != nil {
		return "", err
	}
	if len(out.Ids) == 0 {
		return "", errors.New("there is no build of " + project)
	}
	return out.Ids[0], nil
}

// events deploys a revision with a script for each of the events that can have one, to one host.
func events(ctx context.Context, b *bench) (string, error) {
	s := b.main
	if err := s.put(ctx, "revisions", nil); err != nil {
		return "", err
	}
	bundle, err := revision()
	if err != nil {
		return "", err
	}
	if err := s.put(ctx, "revisions/app.zip", bundle); err != nil {
		return "", err
	}
	host, err := s.own.CreateHost(ctx,
		&slipway.CreateHostInput{Name: new("bench"), Tags: map[string]string{"bench": "yes"}})
	if err != nil {
		return "", err
	}
	agent := exec.Command(b.program, "agent", "--endpoint", s.url, "--region", region, "--name", "bench", "--root",
		filepath.Join(b.dir, "host"))
	agent.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID="+*host.AccessKeyId,
		"AWS_SECRET_ACCESS_KEY="+*host.SecretAccessKey)
	var log bytes.Buffer
	agent.Stdout, agent.Stderr = &log, &log
	agent.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := agent.Start(); err != nil {
		return "", err
	}
	defer func() {
		_ = agent.Process.Signal(sigterm)
		_ = agent.Wait()
	}()
	if _, err := s.deploys.CreateApplication(ctx,
		&codedeploy.CreateApplicationInput{ApplicationName: new("bench")}); err != nil {
		return "", err
	}
	if _, err := s.deploys.CreateDeploymentGroup(ctx,
		&codedeploy.CreateDeploymentGroupInput{ApplicationName: new("bench"), DeploymentGroupName: new("bench"),
			ServiceRoleArn:       new("arn:aws:iam::123456789012:role/slipway"),
			DeploymentConfigName: new("CodeDeployDefault.AllAtOnce"),
			OnPremisesInstanceTagFilters: []codedeploy.TagFilter{{
				Key:   new("bench"),
				Value: new("yes"),
				Type:  codedeploy.TagFilterTypeKeyAndValue,
			}}}); err != nil {
		return "", err
	}
	var all []time.Duration
	for range 10 {
		began := time.Now()
		if err := s.deploy(ctx); err != nil {
			return "", fmt.Errorf("%w\n%s", err, log.String())
		}
		all = append(all, time.Since(began))
	}
	return fmt.Sprintf("%s; %.0f × fork+exec", spread(all), float64(median(all))/float64(b.fork)), nil
}

func (s *slipwayUp) deploy(ctx context.Context) error {
	out, err := s.deploys.CreateDeployment(ctx,
		&codedeploy.CreateDeploymentInput{ApplicationName: new("bench"), DeploymentGroupName: new("bench"),
			Revision: &codedeploy.RevisionLocation{RevisionType: codedeploy.RevisionLocationTypeS3,
				S3Location: &codedeploy.S3Location{
					Bucket:     new("revisions"),
					Key:        new("app.zip"),
					BundleType: codedeploy.BundleTypeZip,
				}}})
	if err != nil {
		return err
	}
	return until(ctx, func() (bool, error) {
		got, err := s.deploys.GetDeployment(ctx, &codedeploy.GetDeploymentInput{DeploymentId: out.DeploymentId})
		if err != nil {
			return false, err
		}
		switch d := got.DeploymentInfo; d.Status {
		case codedeploy.DeploymentStatusSucceeded:
			return true, nil
		case codedeploy.DeploymentStatusFailed, codedeploy.DeploymentStatusStopped:
			return false, fmt.Errorf("deployment %s is %s: %s", *out.DeploymentId, d.Status,
				*d.ErrorInformation.Message)
		}
		return false, nil
	})
}

// revision is a bundle with a script for each of the five events that can have one; with DownloadBundle and Install
// they are seven.
func revision() ([]byte, error) {
	appspec := "version: 0.0\nos: linux\nfiles:\n  - source: file.txt\n    destination: " +
		"/srv/app\nfile_exists_behavior: OVERWRITE\nhooks:\n"
	for _, event := range []string{"ApplicationStop", "BeforeInstall", "AfterInstall", "ApplicationStart",
		"ValidateService"} {
		appspec += "  " + event + ":\n    - location: hook.sh\n"
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, content := range map[string]string{
		"appspec.yml": appspec,
		"file.txt":    "content\n",
		"hook.sh":     "#!/bin/sh\necho $LIFECYCLE_EVENT\n",
	} {
		h := &zip.FileHeader{Name: name, Method: zip.Deflate}
		h.SetMode(0o755)
		w, err := z.CreateHeader(h)
		if err != nil {
			return nil, err
		}
		if _, err := w.Write([]byte(content)); err != nil {
			return nil, err
		}
	}
	err := z.Close()
	return b.Bytes(), err
}
