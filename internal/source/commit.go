package source

import (
	"context"
	"errors"
	"strings"

	cc "slipway/api/codecommit"
)

// GetCommit implements codecommit:GetCommit, for a full commit ID.
func (s *Service) GetCommit(ctx context.Context, in *cc.GetCommitInput) (*cc.GetCommitOutput, error) {
	r, err := s.open(ctx, *in.RepositoryName)
	if err != nil {
		return nil, err
	}
	c, err := r.read(ctx, *in.CommitId)
	return &cc.GetCommitOutput{Commit: c}, err
}

func isCommitID(s string) bool { return len(s) == 40 && strings.Trim(s, "0123456789abcdef") == "" }

// read parses a commit object.
func (r *repository) read(ctx context.Context, id string) (*cc.Commit, error) {
	if !isCommitID(id) {
		return nil, &cc.InvalidCommitIdException{Message: id + " is no commit ID: give all 40 hexadecimal digits."}
	}
	text, err := r.run(ctx, nil, "cat-file", "commit", id)
	if _, failed := errors.AsType[*gitError](err); failed {
		return nil, &cc.CommitIdDoesNotExistException{Message: "The commit " + id + " does not exist in " + *r.RepositoryName + "."}
	}
	if err != nil {
		return nil, err
	}
	return parseCommit(id, string(text)), nil
}

func parseCommit(id, text string) *cc.Commit {
	head, message, _ := strings.Cut(text, "\n\n")
	c := &cc.Commit{CommitId: &id, Message: &message, Parents: []string{}, AdditionalData: new("")}
	for line := range strings.Lines(head) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch key {
		case "tree":
			c.TreeId = &value
		case "parent":
			c.Parents = append(c.Parents, value)
		case "author":
			c.Author = parseUser(value)
		case "committer":
			c.Committer = parseUser(value)
		}
	}
	return c
}

// parseUser reads "Name <email> EPOCH +ZZZZ".
func parseUser(s string) *cc.UserInfo {
	name, rest, _ := strings.Cut(s, " <")
	email, date, _ := strings.Cut(rest, "> ")
	return &cc.UserInfo{Name: &name, Email: &email, Date: &date}
}

// BatchGetCommits implements codecommit:BatchGetCommits, for 100 IDs at most.
func (s *Service) BatchGetCommits(ctx context.Context, in *cc.BatchGetCommitsInput) (*cc.BatchGetCommitsOutput, error) {
	if len(in.CommitIds) > 100 {
		return nil, &cc.CommitIdsLimitExceededException{Message: "At most 100 commit IDs may be given."}
	}
	r, err := s.open(ctx, *in.RepositoryName)
	if err != nil {
		return nil, err
	}
	out := &cc.BatchGetCommitsOutput{Commits: []cc.Commit{}, Errors: []cc.BatchGetCommitsError{}}
	for _, id := range in.CommitIds {
		c, err := r.read(ctx, id)
		if e, ok := err.(interface{ ErrorCode() string }); ok {
			out.Errors = append(out.Errors, cc.BatchGetCommitsError{CommitId: &id, ErrorCode: new(e.ErrorCode()), ErrorMessage: new(err.Error())})
		} else if err != nil {
			return nil, err
		} else {
			out.Commits = append(out.Commits, *c)
		}
	}
	return out, nil
}
