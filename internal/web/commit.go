package web

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"slipway/api/codecommit"
	"slipway/api/slipway"
	"slipway/internal/view"
)

// diffLinesRead is how many lines of a diff are asked for; a page shows as many of them as have room.
const diffLinesRead = 400

// commitPage shows a commit with its diff.
func (s *site) commitPage(w http.ResponseWriter, r *http.Request, v visitor) error {
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
	s.render(
		w,
		r,
		http.StatusOK,
		CommitPage(s.shell(r, v, short(id, ""), "pipelines", "deployments"), name, got.Commit, diff, progress, s.Now()),
	)
	return nil
}

// commitProgress is how a commit fares: the executions that carry it, and where it runs.
type commitProgress struct {
	Executions []commitExecution
	Serves     []served
}

// commitExecution is an execution that carries a commit.
type commitExecution struct {
	Change change
	Kind   Kind
	Word   string
	Stages []view.Mark
}

func (s *site) commitProgress(ctx context.Context, repository, commit string) (*commitProgress, error) {
	out, err := s.Slipway.GetCommitProgress(
		ctx,
		&slipway.GetCommitProgressInput{RepositoryName: &repository, CommitId: &commit},
	)
	if err != nil {
		return nil, err
	}
	p := &commitProgress{}
	for _, x := range out.Executions {
		one := commitExecution{
			Change: view.Described(*x.Change),
			Kind:   kindOf(text(x.Status)),
			Word:   view.StatusWord(text(x.Status)),
		}
		for _, m := range x.Stages {
			k := kindOf(text(m.Status))
			if m.Asks != nil && *m.Asks {
				k, one.Kind, one.Word = Waiting, Waiting, Waiting.Title()
			}
			if k == one.Kind && (k == Failed || k == Running) {
				one.Word += " in " + text(m.StageName)
			}
			one.Stages = append(one.Stages, view.Mark{Name: text(m.StageName), Kind: k})
		}
		p.Executions = append(p.Executions, one)
	}
	for _, g := range out.Serving {
		one := servedOf(g)
		for i := range one.Versions {
			one.Versions[i].Hosts = view.Names(g.Versions[i].Hosts, 3)
		}
		p.Serves = append(p.Serves, one)
	}
	return p, nil
}

// diffPage shows what differs between two commits, in all files or in one.
func (s *site) diffPage(w http.ResponseWriter, r *http.Request, v visitor) error {
	q, name := r.URL.Query(), r.PathValue("name")
	in := &slipway.GetDiffInput{
		RepositoryName:       &name,
		AfterCommitSpecifier: new(q.Get("to")),
		MaxLines:             new(int32(diffLinesRead)),
	}
	if *in.AfterCommitSpecifier == "" {
		return &problem{http.StatusBadRequest, "Name what to compare: /repositories/NAME/diff?from=COMMIT&to=COMMIT"}
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
	s.render(w, r, http.StatusOK, DiffPage(s.shell(r, v, name+" diff"), name, text(in.Path), diff))
	return nil
}

// gitTime is when a commit was made, of the "EPOCH +ZZZZ" that Git writes.
func gitTime(u *codecommit.UserInfo) (t time.Time, ok bool) {
	if u == nil {
		return t, false
	}
	epoch, _, _ := strings.Cut(text(u.Date), " ")
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	return time.Unix(seconds, 0), err == nil
}

// messageBody is what a commit says after its first line.
func messageBody(c *codecommit.Commit) string {
	_, body, _ := strings.Cut(strings.TrimSpace(text(c.Message)), "\n")
	return shorten(strings.TrimSpace(body), 4000)
}
