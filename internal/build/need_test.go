package build_test

import (
	"fmt"
	"strings"
	"testing"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/api/slipway"
)

// takes polls as a runner with labels and returns the image of the build that it got, "none" for no build.
func (s *stage) takes(runner string, labels ...string) string {
	s.t.Helper()
	out, err := s.PollBuild(s.ctx(), &slipway.PollBuildInput{Runner: &runner, Free: new(int32(1)), Labels: labels})
	if err != nil {
		s.t.Fatal(err)
	}
	if out.Build == nil {
		return "none"
	}
	return s.order(out).Image
}

// inImage starts a build in an image.
func (s *stage) inImage(image string, privileged bool) *cb.Build {
	s.t.Helper()
	return s.start(&cb.StartBuildInput{ProjectName: new("app"), ImageOverride: &image,
		PrivilegedModeOverride: &privileged})
}

// A build goes to a runner that can run it, and waits for one past others that cannot.
func TestBuildsGoToRunnersThatCanRunThem(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.create(project("app"))
	s.inImage("golang:1.26", false)
	s.inImage("docker:dind", true)
	s.inImage("host", false)
	for _, c := range []struct {
		runner string
		labels []string
		want   string
	}{
		{"sandboxed", []string{"sandbox", "linux"}, ""},
		{"sandboxed too", []string{"sandbox", "linux"}, "none"},
		{"contained", []string{"container", "linux"}, "golang:1.26"},
		{"contained too", []string{"container", "linux"}, "none"},
		{"privileged", []string{"container", "privileged", "linux"}, "docker:dind"},
	} {
		if got := s.takes(c.runner, c.labels...); got != c.want {
			t.Errorf("the runner %s got a build in %q, want %q", c.runner, got, c.want)
		}
	}
}

// A runner that waits is passed by for a build that it cannot run, and gets the next that it can.
func TestABuildPassesRunnersThatCannotRunIt(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.create(project("app"))
	polled := make(chan string, 1)
	waits := func(runner string, labels ...string) { polled <- s.takes(runner, labels...) }
	for _, c := range []struct{ runner, label, image, want string }{
		{"r1", "sandbox", "host", ""}, {"r2", "container", "golang:1.26", "golang:1.26"},
	} {
		other := map[string]string{"host": "golang:1.26", "golang:1.26": "host"}[c.image]
		passed := s.inImage(other, false)
		go waits(c.runner, c.label)
		s.inImage(c.image, false)
		for got := <-polled; got != c.want; got = <-polled {
			if got != "none" { // its poll ended before the build came
				t.Fatalf("the runner %s got a build in %q, want %q", c.runner, got, c.want)
			}
			go waits(c.runner, c.label)
		}
		if b := s.get(*passed.Id); *b.CurrentPhase != string(cb.BuildPhaseTypeQueued) {
			t.Errorf("the build in %s is in %s", other, *b.CurrentPhase)
		}
		if _, err := s.api.StopBuild(s.ctx(), &cb.StopBuildInput{Id: passed.Id}); err != nil {
			t.Fatal(err)
		}
	}
}

// A build that no runner can take says so at once, and what the runner lacks.
func TestABuildThatNoRunnerCanTakeSaysWhy(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.create(project("app"))
	id := *s.inImage("golang:1.26", false).Id
	polled := make(chan string, 1)
	go func() { polled <- s.takes("r1", "sandbox") }()
	for {
		b := s.get(id)
		contexts := b.Phases[len(b.Phases)-1].Contexts
		if len(contexts) == 1 {
			words := awsproto.Value(contexts[0].Message)
			if !strings.Contains(words, "The runner r1 lacks a container engine") {
				t.Errorf("it says %q", words)
			}
			break
		}
		select {
		case <-polled:
			t.Fatal("the runner's poll ended, and the build never said why it waits")
		default:
		}
	}
	<-polled
}

// An operator names what stands for CodeBuild's own images; without that they are the runner's machine.
func TestImages(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.create(project("app"))
	const standard = "aws/codebuild/standard:7.0"
	put := func(name, image string) error {
		_, err := s.PutImage(s.ctx(), &slipway.PutImageInput{Name: &name, Image: &image})
		return err
	}
	runners := 0
	runs := func() string {
		s.inImage(standard, false)
		runners++
		return s.takes(fmt.Sprintf("r%d", runners), "sandbox", "container")
	}
	if got := runs(); got != "" {
		t.Errorf("without a name it runs in %q", got)
	}
	for _, c := range [][3]string{{"aws/codebuild/*", "debian:12", "debian:12"},
		{"aws/codebuild/standard:*", "ubuntu:24.04", "ubuntu:24.04"}, {standard, "registry.example/ci:7", "registry.example/ci:7"},
		{"aws/codebuild/amazonlinux-x86_64-standard:5.0", "fedora:40", "registry.example/ci:7"}} {
		if err := put(c[0], c[1]); err != nil {
			t.Fatal(err)
		}
		if got := runs(); got != c[2] {
			t.Errorf("with %s for %s it runs in %q, want %q", c[1], c[0], got, c[2])
		}
	}
	list, err := s.ListImages(s.ctx(), &slipway.ListImagesInput{})
	if err != nil || len(list.Images) != 4 || *list.Images[0].Name != "aws/codebuild/*" {
		t.Errorf("%+v, %v", list, err)
	}
	if _, err := s.DeleteImage(s.ctx(), &slipway.DeleteImageInput{Name: new(standard)}); err != nil {
		t.Fatal(err)
	}
	if got := runs(); got != "ubuntu:24.04" {
		t.Errorf("after the delete it runs in %q", got)
	}
	_, err = s.DeleteImage(s.ctx(), &slipway.DeleteImageInput{Name: new(standard)})
	if awsproto.Code(err) != "ImageNotFoundException" {
		t.Errorf("deleted twice: %v", err)
	}
	for name, image := range map[string]string{"golang:1.26": "debian:12", standard: "not an image",
		"aws/codebuild/a b": "debian:12", "aws/codebuild/x:1": "-flag"} {
		if err := put(name, image); awsproto.Code(err) != "InvalidImageException" {
			t.Errorf("%s for %s: %v", image, name, err)
		}
	}
}
