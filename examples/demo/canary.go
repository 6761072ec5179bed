package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"slipway/api/codedeploy"
	"slipway/api/codepipeline"
	"slipway/api/slipway"
)

// change is an edit of a file of the service.
type change struct{ file, from, to string }

// edit changes files of the service, commits and pushes.
func (d *demo) edit(ctx context.Context, message string, changes ...change) error {
	for _, c := range changes {
		path := filepath.Join(d.checkout(), c.file)
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		changed := strings.ReplaceAll(string(text), c.from, c.to)
		if changed == string(text) {
			return fmt.Errorf("there is no %q in %s", c.from, c.file)
		}
		if err := os.WriteFile(path, []byte(changed), 0o644); err != nil {
			return err
		}
	}
	if err := d.git(ctx, "commit", "--quiet", "-a", "-m", message); err != nil {
		return err
	}
	return d.git(ctx, "push", "--quiet", "origin", "main")
}

// goodPush releases a change that users do not notice: 10 %, 50 %, 100 %.
func (d *demo) goodPush(ctx context.Context) error {
	say("Changing the greeting, and pushing, while users ask %s", d.front)
	d.users = begin(ctx, d.front)
	if err := d.edit(ctx, "Greet as sailors do", change{"greeting.go", `"Hello, "`, `"Ahoy, "`},
		change{"greeting_test.go", "Hello, ", "Ahoy, "}); err != nil {
		return err
	}
	id, commit, err := d.approval(ctx)
	if err != nil {
		return err
	}
	if err := d.approve(ctx); err != nil {
		return err
	}
	say("A canary release: the new version gets a part of the traffic and is compared with the old one. Watch it at %s",
		d.url)
	r, err := d.shift(ctx)
	if err != nil {
		return err
	}
	if r.Status != slipway.ReleaseStatusPromoted {
		return fmt.Errorf("the release should have been promoted, and is %s", r.Status)
	}
	if err := d.succeeds(ctx, id); err != nil {
		return err
	}
	d.users.count()
	if err := d.carried(ctx, commit[:8]); err != nil {
		return err
	}
	return d.answers(ctx, "green", commit[:8])
}

// badPush releases a change that passes its tests and is bad: every tenth answer is an error, and all are slow.
func (d *demo) badPush(ctx context.Context) error {
	say("Pushing a change that passes its tests, but fails users: one answer in ten is an error, and all are slow")
	good := d.carries
	if err := d.edit(ctx, "Think before greeting",
		change{"main.go", "handler(version, host)", "thinking(handler(version, host))"},
		change{"greeting.go", "func handler(", thinking + "func handler("},
		change{"greeting.go", `"strings"`, `"strings"` + "\n\t\"sync/atomic\"\n\t\"time\""}); err != nil {
		return err
	}
	if _, _, err := d.approval(ctx); err != nil {
		return err
	}
	if err := d.approve(ctx); err != nil {
		return err
	}
	r, err := d.shift(ctx)
	if err != nil {
		return err
	}
	if r.Status != slipway.ReleaseStatusRolledBack {
		return fmt.Errorf("the release should have been rolled back, and is %s", r.Status)
	}
	say("It was rolled back by itself")
	if err := d.rolledBack(ctx, *r.DeploymentId); err != nil {
		return err
	}
	d.users.count()
	if err := d.carried(ctx, good); err != nil {
		return err
	}
	if broken := d.users.end(); len(broken) > 0 {
		return fmt.Errorf("%d requests of users got no answer of the service: %s", len(broken), broken[0])
	}
	detail("through all of that no request of a user was lost")
	return nil
}

// thinking is the bad change.
const thinking = `var asked atomic.Int64

// thinking takes its time, and sometimes gives up.
func thinking(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(30 * time.Millisecond)
		w.Header().Set("X-Greeter", version)
		if r.URL.Path == "/" && asked.Add(1)%10 == 0 {
			http.Error(w, "no idea (version "+version+")", http.StatusInternalServerError)
			return
		}
		next.ServeHTTP(w, r)
	})
}

`

// shift follows the newest release to its end.
func (d *demo) shift(ctx context.Context) (r *slipway.Release, err error) {
	before, told := d.released, ""
	err = d.wait(ctx, "the release", func() (bool, error) {
		if d.released == before { // not the newest any more once it is rolled back: that is a release too
			list, err := d.own.ListReleases(ctx, &slipway.ListReleasesInput{MaxResults: new(int32(1))})
			if err != nil || *list.Releases[0].DeploymentId == before {
				return false, err
			}
			d.released = *list.Releases[0].DeploymentId
		}
		out, err := d.own.GetRelease(ctx, &slipway.GetReleaseInput{DeploymentId: &d.released})
		if err != nil {
			return false, err
		}
		r = out.Release
		if now := fmt.Sprintf("%s at %d %%", r.Status, value(r.Percent)); now != told {
			versions, failed := d.users.count()
			if told != "" {
				detail("   answers: %s; %d errors", words(versions), failed)
			}
			told = now
			detail("%s", releaseWords(r))
		}
		return r.Status == slipway.ReleaseStatusPromoted || r.Status == slipway.ReleaseStatusRolledBack, nil
	})
	if err != nil {
		return nil, err
	}
	for _, s := range r.Steps {
		if s.Verdict != nil {
			detail("verdict at %d %%: %s", value(s.Percent), decisionWord(s.Verdict.Decision))
			for _, e := range s.Verdict.Evidence {
				detail("   %s", value(e.Text))
			}
		}
	}
	return r, nil
}

func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

func words(versions map[string]int) string {
	var all []string
	for _, v := range slices.Sorted(maps.Keys(versions)) {
		all = append(all, fmt.Sprintf("%d from version %s", versions[v], v))
	}
	return strings.Join(all, ", ")
}

// carried waits until the users have got answers of one version alone.
func (d *demo) carried(ctx context.Context, version string) error {
	d.carries = version
	return d.wait(ctx, "answers of version "+version, func() (bool, error) {
		d.users.mu.Lock()
		defer d.users.mu.Unlock()
		n := d.users.versions[version]
		if n > 0 && len(d.users.versions) > 1 {
			return false, fmt.Errorf("users should get version %s alone, and get %s", version, words(d.users.versions))
		}
		return n >= 100, nil
	})
}

// rolledBack waits for the end of a deployment and of the one that rolls it back.
func (d *demo) rolledBack(ctx context.Context, id string) error {
	return d.wait(ctx, "the rollback", func() (bool, error) {
		out, err := d.deploys.GetDeployment(ctx, &codedeploy.GetDeploymentInput{DeploymentId: &id})
		if err != nil || out.DeploymentInfo.CompleteTime == nil {
			return false, err
		}
		if out.DeploymentInfo.Status != codedeploy.DeploymentStatusFailed || out.DeploymentInfo.RollbackInfo == nil ||
			out.DeploymentInfo.RollbackInfo.RollbackDeploymentId == nil {
			return false, fmt.Errorf("the deployment %s should have failed and be rolled back; it is %s: %+v", id,
				out.DeploymentInfo.Status, value(out.DeploymentInfo.RollbackInfo))
		}
		back, err := d.deploys.GetDeployment(ctx,
			&codedeploy.GetDeploymentInput{DeploymentId: out.DeploymentInfo.RollbackInfo.RollbackDeploymentId})
		if err != nil || back.DeploymentInfo.CompleteTime == nil {
			return false, err
		}
		list, err := d.pipeline.ListPipelineExecutions(ctx,
			&codepipeline.ListPipelineExecutionsInput{PipelineName: new(name), MaxResults: new(int32(1))})
		if err != nil {
			return false, err
		}
		if list.PipelineExecutionSummaries[0].Status == codepipeline.PipelineExecutionStatusInProgress {
			return false, nil
		}
		if back.DeploymentInfo.Status != codedeploy.DeploymentStatusSucceeded ||
			list.PipelineExecutionSummaries[0].Status != codepipeline.PipelineExecutionStatusFailed {
			return false, fmt.Errorf("the rollback is %s, the execution %s", back.DeploymentInfo.Status,
				list.PipelineExecutionSummaries[0].Status)
		}
		return true, nil
	})
}
