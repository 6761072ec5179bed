package source

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"

	"slipway/api/awsproto"
	"slipway/api/slipway"
)

const (
	commitsAPage = 50
	// maxListed is how much of a commit's message a list tells, in bytes.
	maxListed = 2000
)

// ListCommits implements slipway:ListCommits. It lists a commit and its ancestors, the newest first. Pages continue
// from the commit where the previous page ended, even if the branch has moved since.
func (s *Service) ListCommits(ctx context.Context, in *slipway.ListCommitsInput) (*slipway.ListCommitsOutput, error) {
	r, err := s.open(ctx, *in.RepositoryName)
	if err != nil {
		return nil, err
	}
	type place struct {
		From string
		Skip int
	}
	var at place
	if !s.Pager.Place("ListCommits", []string{*in.RepositoryName, *in.CommitSpecifier}, in.NextToken, &at) {
		return nil, &slipway.InvalidNextTokenException{Message: "The next token was not made for this list."}
	}
	if at.From == "" {
		if at.From, err = r.commit(ctx, in.CommitSpecifier); err != nil {
			return nil, err
		}
	}
	limit := commitsAPage
	if in.MaxResults != nil {
		limit = int(*in.MaxResults)
	}
	page := &slipway.ListCommitsOutput{Commits: []slipway.CommitSummary{}}
	err = r.git.read(ctx, nil, func(from *bufio.Reader) (err error) {
		page.Commits, err = parseLog(from)
		return err
	}, "log", "-z", "--format=%H%n%P%n%an%n%ae%n%at%n%B", "--skip="+strconv.Itoa(at.Skip),
		"--max-count="+strconv.Itoa(limit+1), at.From, "--")
	if err != nil {
		return nil, err
	}
	if len(page.Commits) > limit {
		page.Commits = page.Commits[:limit]
		page.NextToken = s.Pager.Token("ListCommits", []string{*in.RepositoryName, *in.CommitSpecifier},
			place{at.From, at.Skip + limit})
	}
	return page, nil
}

// parseLog reads records of six parts. The last part may have several lines. Only the beginning of each part is kept.
func parseLog(from *bufio.Reader) ([]slipway.CommitSummary, error) {
	all := []slipway.CommitSummary{}
	for {
		record, whole, err := part(from, 0, maxObject)
		f := strings.SplitN(record, "\n", 6)
		if len(f) == 6 {
			all = append(all, summaryOf(f, whole))
		}
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

func summaryOf(f []string, whole bool) slipway.CommitSummary {
	message := strings.ToValidUTF8(strings.TrimSpace(f[5]), "�")
	if len(message) > maxListed || !whole {
		message = strings.ToValidUTF8(message[:min(maxListed, len(message))], "") + "…"
	}
	short := func(s string) *string { return new(strings.ToValidUTF8(s[:min(len(s), maxListed)], "�")) }
	c := slipway.CommitSummary{
		CommitId:    &f[0],
		Parents:     strings.Fields(f[1]),
		AuthorName:  short(f[2]),
		AuthorEmail: short(f[3]),
		Message:     &message,
	}
	if seconds, err := strconv.ParseInt(f[4], 10, 64); err == nil {
		c.Time = awsproto.At(time.Unix(seconds, 0))
	}
	return c
}
