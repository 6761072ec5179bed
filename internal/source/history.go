package source

import (
	"context"
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

// ListCommits implements slipway:ListCommits: a commit and those before it, the newest first. A page begins where the one before it ended even if
// the branch has moved since.
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
	out, err := r.run(ctx, nil, "log", "-z", "--format=%H%n%P%n%an%n%ae%n%at%n%B", "--skip="+strconv.Itoa(at.Skip), "--max-count="+strconv.Itoa(limit+1), at.From, "--")
	if err != nil {
		return nil, err
	}
	page := &slipway.ListCommitsOutput{Commits: parseLog(string(out))}
	if len(page.Commits) > limit {
		page.Commits = page.Commits[:limit]
		page.NextToken = s.Pager.Token("ListCommits", []string{*in.RepositoryName, *in.CommitSpecifier}, place{at.From, at.Skip + limit})
	}
	return page, nil
}

// parseLog reads records of six parts, the last of which may have lines of its own.
func parseLog(text string) []slipway.CommitSummary {
	all := []slipway.CommitSummary{}
	for record := range strings.SplitSeq(strings.TrimSuffix(text, "\x00"), "\x00") {
		f := strings.SplitN(record, "\n", 6)
		if len(f) != 6 {
			continue
		}
		message := strings.ToValidUTF8(strings.TrimSpace(f[5]), "�")
		if len(message) > maxListed {
			message = strings.ToValidUTF8(message[:maxListed], "") + "…"
		}
		c := slipway.CommitSummary{CommitId: &f[0], Parents: strings.Fields(f[1]), AuthorName: new(strings.ToValidUTF8(f[2], "�")), AuthorEmail: new(strings.ToValidUTF8(f[3], "�")), Message: &message}
		if seconds, err := strconv.ParseInt(f[4], 10, 64); err == nil {
			c.Time = awsproto.At(time.Unix(seconds, 0))
		}
		all = append(all, c)
	}
	return all
}
