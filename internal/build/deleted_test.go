package build_test

import (
	"testing"

	cb "slipway/api/codebuild"
	"slipway/api/slipway"
)

// A build goes on by what it was started with, whatever becomes of its project meanwhile.
func TestNoChangeOfAProjectStrandsItsBuilds(t *testing.T) {
	t.Parallel()
	changes := map[string]func(s *stage) error{
		"deleted": func(s *stage) error {
			_, err := s.api.DeleteProject(s.ctx(), &cb.DeleteProjectInput{Name: new("app")})
			return err
		},
		"changed": func(s *stage) error {
			_, err := s.api.UpdateProject(s.ctx(),
				&cb.UpdateProjectInput{Name: new("app"),
					Source: &cb.ProjectSource{Type: cb.SourceTypeNoSource,
						Buildspec: new("version: 0.2\nphases: {}\n")}})
			return err
		},
		"made anew": func(s *stage) error {
			if _, err := s.api.DeleteProject(s.ctx(), &cb.DeleteProjectInput{Name: new("app")}); err != nil {
				return err
			}
			_, err := s.api.CreateProject(s.ctx(), project("app"))
			return err
		},
	}
	for name, change := range changes {
		for _, when := range []string{"queued", "assigned", "running", "stopping"} {
			t.Run(name+" while "+when, func(t *testing.T) {
				t.Parallel()
				s := open(t)
				in := project("app")
				in.AutoRetryLimit = new(int32(1))
				s.create(in)
				id := *s.start(&cb.StartBuildInput{ProjectName: new("app")}).Id
				if when != "queued" {
					s.poll("r1", 1)
				}
				if when == "running" || when == "stopping" {
					s.acknowledge("r1", id)
				}
				if when == "stopping" {
					if _, err := s.api.StopBuild(s.ctx(), &cb.StopBuildInput{Id: &id}); err != nil {
						t.Fatal(err)
					}
				}
				if err := change(s); err != nil {
					t.Fatal(err)
				}
				if when == "queued" {
					if o := s.order(s.poll("r1", 1)); *o.Build.Source.Buildspec != spec {
						t.Errorf("it runs by %q", *o.Build.Source.Buildspec)
					}
				}
				if when == "queued" || when == "assigned" {
					s.acknowledge("r1", id)
				}
				status := cb.StatusTypeFailed
				if when == "stopping" {
					status = cb.StatusTypeStopped
				}
				s.complete("r1", id, slipway.Result{Status: status})
				if b := s.get(id); b.BuildStatus != status || !*b.BuildComplete {
					t.Errorf("it is %s", b.BuildStatus)
				}
				if _, err := s.ExplainBuild(s.ctx(), &slipway.ExplainBuildInput{Id: &id}); err != nil {
					t.Error(err)
				}
			})
		}
	}
}
