package source

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"slipway/api/codecommit"
	"slipway/api/slipway"
	"slipway/internal/view"
	"slipway/internal/web/change"
	"slipway/internal/web/kit"
)

// diffLinesRead is how many lines of a diff are asked for; a page shows as many of them as have room.
const diffLinesRead = 400

// commitPage shows a commit with its diff.
func (s *pages) commitPage(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	name, id := r.PathValue("name"), r.PathValue("id")
	got, err := s.Source.GetCommit(r.Context(), &codecommit.GetCommitInput{RepositoryName: &name, CommitId: &id})
	if err != nil {
		return err
	}
	diff, err := s.Slipway.GetDiff(
		r.Context(),
		&slipway.GetDiffInput{RepositoryName: &name, AfterCommitSpecifier: &id, MaxLines: new(int32(diffLinesRead))},
	)
	if err != nil {
		return err
	}
	progress, err := s.commitProgress(r.Context(), name, *got.Commit.CommitId)
	if err != nil {
		return err
	}
	s.Render(
		w,
		r,
		http.StatusOK,
		CommitPage(s.Shell(r, v, kit.Short(id, ""), "pipelines", "deployments"), name, got.Commit, diff, progress,
			s.Now()),
	)
	return nil
}

// commitProgress is how a commit fares: the executions that carry it, and where it runs.
type commitProgress struct {
	Executions []view.Execution
	Serves     []change.Served
}

func (s *pages) commitProgress(ctx context.Context, repository, commit string) (*commitProgress, error) {
	out, err := s.Slipway.GetCommitProgress(
		ctx,
		&slipway.GetCommitProgressInput{RepositoryName: &repository, CommitId: &commit},
	)
	if err != nil {
		return nil, err
	}
	p := &commitProgress{}
	for _, x := range out.Executions {
		p.Executions = append(p.Executions, view.ExecutionWith(x))
	}
	for _, g := range out.Serving {
		one := change.ServedOf(g)
		for i := range one.Versions {
			one.Versions[i].Hosts = view.Names(g.Versions[i].Hosts, 3)
		}
		p.Serves = append(p.Serves, one)
	}
	return p, nil
}

// diffPage shows what differs between two commits, in all files or in one.
func (s *pages) diffPage(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	q, name := r.URL.Query(), r.PathValue("name")
	in := &slipway.GetDiffInput{
		RepositoryName:       &name,
		AfterCommitSpecifier: new(q.Get("to")),
		MaxLines:             new(int32(diffLinesRead)),
	}
	if *in.AfterCommitSpecifier == "" {
		return kit.Refusal(http.StatusBadRequest, "Name what to compare: /repositories/NAME/diff?from=COMMIT&to=COMMIT")
	}
	if from := q.Get("from"); from != "" {
		in.BeforeCommitSpecifier = &from
	}
	if path := q.Get("path"); path != "" {
		in.Path = &path
	}
	diff, err := s.Slipway.GetDiff(r.Context(), in)
	if err != nil {
		return err
	}
	s.Render(w, r, http.StatusOK, DiffPage(s.Shell(r, v, name+" diff"), name, kit.Text(in.Path), diff))
	return nil
}

// gitTime is when a commit was made, of the "EPOCH +ZZZZ" that Git writes.
func gitTime(u *codecommit.UserInfo) (t time.Time, ok bool) {
	if u == nil {
		return t, false
	}
	epoch, _, _ := strings.Cut(kit.Text(u.Date), " ")
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	return time.Unix(seconds, 0), err == nil
}

// messageBody is what a commit says after its first line.
func messageBody(c *codecommit.Commit) string {
	_, body, _ := strings.Cut(strings.TrimSpace(kit.Text(c.Message)), "\n")
	return kit.Shorten(strings.TrimSpace(body), 4000)
}
