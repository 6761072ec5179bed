package source

import (
	"context"
	"strings"

	"slipway/api/awsproto"
	cc "slipway/api/codecommit"
)

// GetCommit implements codecommit:GetCommit, for a full commit ID.
func (s *Service) GetCommit(ctx context.Context, in *cc.GetCommitInput) (*cc.GetCommitOutput, error) {
	if !isCommitID(*in.CommitId) {
		return nil, &cc.InvalidCommitIdException{Message: *in.CommitId +
			" is no commit ID: give all 40 hexadecimal digits."}
	}
	r, err := s.open(ctx, *in.RepositoryName)
	if err != nil {
		return nil, err
	}
	c, err := r.read(ctx, *in.CommitId)
	return &cc.GetCommitOutput{Commit: c}, err
}

func isCommitID(s string) bool { return len(s) == 40 && strings.Trim(s, "0123456789abcdef") == "" }

// read returns a commit, or the exception that says what is wrong with its ID.
func (r *repository) read(ctx context.Context, id string) (*cc.Commit, error) {
	all, err := r.readAll(ctx, []string{id})
	if err != nil {
		return nil, err
	}
	if all[0].err != nil {
		return nil, all[0].err
	}
	return all[0].commit, nil
}

// commitOrError is a commit that was asked for, or why there is none.
type commitOrError struct {
	commit *cc.Commit
	err    awsproto.ServiceError
}

// readAll reads commits in one process.
func (r *repository) readAll(ctx context.Context, ids []string) ([]commitOrError, error) {
	all := make([]commitOrError, len(ids))
	var names []string
	for _, id := range ids {
		if isCommitID(id) {
			names = append(names, id)
		}
	}
	var objects []object
	if len(names) > 0 {
		var err error
		if objects, err = r.objects(ctx, names...); err != nil {
			return nil, err
		}
	}
	for i, id := range ids {
		if !isCommitID(id) {
			all[i].err = &cc.InvalidCommitIdException{Message: id + " is no commit ID: give all 40 hexadecimal digits."}
			continue
		}
		if objects[0].kind == "commit" {
			all[i].commit = parseCommit(id, string(objects[0].content))
		} else {
			all[i].err = &cc.CommitIdDoesNotExistException{
				Message: "The commit " + id + " does not exist in " + *r.RepositoryName + ".",
			}
		}
		objects = objects[1:]
	}
	return all, nil
}

// Tip returns the newest commit of a branch, or BranchDoesNotExistException.
func (s *Service) Tip(ctx context.Context, repository, branch string) (cc.Commit, error) {
	r, err := s.open(ctx, repository)
	if err != nil {
		return cc.Commit{}, err
	}
	o, err := r.tip(ctx, branch)
	if err != nil {
		return cc.Commit{}, err
	}
	if o.kind != "commit" {
		return cc.Commit{}, &cc.BranchDoesNotExistException{
			Message: "The branch " + branch + " does not exist in " + repository + ".",
		}
	}
	return *parseCommit(o.id, string(o.content)), nil
}

// tip reads the commit of a branch. It returns the zero object if there is no such branch.
func (r *repository) tip(ctx context.Context, branch string) (object, error) {
	// A string that cannot be a ref's name could mean something else to git: a path in the tree, an ancestor.
	if branch == "" || strings.ContainsAny(branch, ":~^?*[\\ \n\x00") || strings.Contains(branch, "@{") {
		return object{}, nil
	}
	all, err := r.objects(ctx, "refs/heads/"+branch)
	if err != nil {
		return object{}, err
	}
	return all[0], nil
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
	if len(in.CommitIds) == 0 {
		return nil, &cc.CommitIdsListRequiredException{Message: "A list of commit IDs is required."}
	}
	if len(in.CommitIds) > 100 {
		return nil, &cc.CommitIdsLimitExceededException{Message: "At most 100 commit IDs may be given."}
	}
	r, err := s.open(ctx, *in.RepositoryName)
	if err != nil {
		return nil, err
	}
	out := &cc.BatchGetCommitsOutput{Commits: []cc.Commit{}, Errors: []cc.BatchGetCommitsError{}}
	all, err := r.readAll(ctx, in.CommitIds)
	if err != nil {
		return nil, err
	}
	for i, c := range all {
		if c.err != nil {
			out.Errors = append(out.Errors,
				cc.BatchGetCommitsError{
					CommitId:     &in.CommitIds[i],
					ErrorCode:    new(c.err.ErrorCode()),
					ErrorMessage: new(c.err.Error()),
				})
		} else {
			out.Commits = append(out.Commits, *c.commit)
		}
	}
	return out, nil
}
