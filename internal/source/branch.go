package source

import (
	"context"
	"errors"
	"strings"

	cc "slipway/api/codecommit"
	"slipway/internal/store"
)

// branch returns the tip of a branch, or BranchDoesNotExistException.
func (r *repository) branch(ctx context.Context, name string) (string, error) {
	id, err := r.resolve(ctx, "refs/heads/"+name)
	if err == nil && id == "" {
		err = &cc.BranchDoesNotExistException{
			Message: "The branch " + name + " does not exist in " + *r.RepositoryName + ".",
		}
	}
	return id, err
}

// commit returns the commit of a specifier, or CommitDoesNotExistException. A nil specifier means the default branch.
func (r *repository) commit(ctx context.Context, specifier *string) (string, error) {
	name := "HEAD"
	if specifier != nil {
		name = *specifier
	} else if r.DefaultBranch != nil {
		name = "refs/heads/" + *r.DefaultBranch
	}
	id, err := r.resolve(ctx, name)
	if err == nil && id == "" {
		err = &cc.CommitDoesNotExistException{
			Message: "Could not find a commit for " + name + " in " + *r.RepositoryName + ".",
		}
	}
	return id, err
}

// checkBranchName refuses a name that Git does not allow for a branch (git-check-ref-format). It is called before the
// repository is looked up, so that a malformed name is reported before a missing repository.
func checkBranchName(name string) error {
	bad := name == "" || len(name) > 256 || strings.HasPrefix(name, "-") || strings.HasSuffix(name, ".") ||
		strings.ContainsAny(name, " ~^:?*[\\\x7f") ||
		strings.Contains(name, "..") || strings.Contains(name, "@{") ||
		strings.ContainsFunc(name, func(r rune) bool { return r < ' ' })
	for part := range strings.SplitSeq(name, "/") {
		bad = bad || part == "" || strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".lock")
	}
	if bad {
		return &cc.InvalidBranchNameException{Message: "The branch name " + name + " is not valid."}
	}
	return nil
}

// CreateBranch implements codecommit:CreateBranch.
func (s *Service) CreateBranch(ctx context.Context, in *cc.CreateBranchInput) (*cc.CreateBranchOutput, error) {
	if err := checkBranchName(*in.BranchName); err != nil {
		return nil, err
	}
	if !isCommitID(*in.CommitId) {
		return nil, &cc.InvalidCommitIdException{Message: *in.CommitId +
			" is no commit ID: give all 40 hexadecimal digits."}
	}
	r, err := s.open(ctx, *in.RepositoryName)
	if err != nil {
		return nil, err
	}
	commit, err := r.commit(ctx, in.CommitId)
	if err != nil {
		return nil, err
	}
	// The expected old value is none, so that two concurrent creations do not overwrite each other.
	if _, err := r.run(ctx, nil, "update-ref", "refs/heads/"+*in.BranchName, commit,
		"0000000000000000000000000000000000000000"); err != nil {
		if _, berr := r.branch(ctx, *in.BranchName); berr == nil {
			return nil, &cc.BranchNameExistsException{Message: "The branch " + *in.BranchName + " already exists."}
		}
		return nil, err
	}
	return nil, s.Record(ctx, *r.RepositoryId)
}

// GetBranch implements codecommit:GetBranch; without a branch name it is the default branch's.
func (s *Service) GetBranch(ctx context.Context, in *cc.GetBranchInput) (*cc.GetBranchOutput, error) {
	if in.RepositoryName == nil {
		return nil, &cc.RepositoryNameRequiredException{Message: "A repository name is required."}
	}
	if in.BranchName != nil {
		if err := checkBranchName(*in.BranchName); err != nil {
			return nil, err
		}
	}
	r, err := s.open(ctx, *in.RepositoryName)
	if err != nil {
		return nil, err
	}
	name := in.BranchName
	if name == nil {
		name = r.DefaultBranch
	}
	if name == nil {
		return nil, &cc.BranchNameRequiredException{
			Message: "A branch name is required: the repository has no default branch yet.",
		}
	}
	id, err := r.branch(ctx, *name)
	return &cc.GetBranchOutput{Branch: &cc.BranchInfo{BranchName: name, CommitId: &id}}, err
}

const branchesAPage = 1000

// ListBranches implements codecommit:ListBranches, by name.
func (s *Service) ListBranches(ctx context.Context, in *cc.ListBranchesInput) (*cc.ListBranchesOutput, error) {
	r, err := s.open(ctx, *in.RepositoryName)
	if err != nil {
		return nil, err
	}
	after := ""
	if !s.Pager.Place("ListBranches", *in.RepositoryName, in.NextToken, &after) {
		return nil, &cc.InvalidContinuationTokenException{Message: "The continuation token is not valid."}
	}
	names, err := store.Strings(ctx, s.db,
		`SELECT SUBSTR(name, 12) FROM refs WHERE repository = $1 AND name > $2 AND name < $3 ORDER BY name LIMIT $4`,
		*r.RepositoryId, "refs/heads/"+after, "refs/heads/\U0010FFFF", branchesAPage+1)
	if err != nil {
		return nil, err
	}
	out := &cc.ListBranchesOutput{Branches: append([]string{}, names...)}
	if len(names) > branchesAPage {
		out.Branches = names[:branchesAPage]
		out.NextToken = s.Pager.Token("ListBranches", *in.RepositoryName, names[branchesAPage-1])
	}
	return out, nil
}

// DeleteBranch implements codecommit:DeleteBranch.
func (s *Service) DeleteBranch(ctx context.Context, in *cc.DeleteBranchInput) (*cc.DeleteBranchOutput, error) {
	if err := checkBranchName(*in.BranchName); err != nil {
		return nil, err
	}
	r, err := s.open(ctx, *in.RepositoryName)
	if err != nil {
		return nil, err
	}
	if r.DefaultBranch != nil && *r.DefaultBranch == *in.BranchName {
		return nil, &cc.DefaultBranchCannotBeDeletedException{Message: "The default branch " + *in.BranchName +
			" cannot be deleted. Make another branch the default first."}
	}
	id, err := r.branch(ctx, *in.BranchName)
	if _, missing := errors.AsType[*cc.BranchDoesNotExistException](err); missing {
		return nil, nil // deleting what is not there is no error
	}
	if err != nil {
		return nil, err
	}
	if _, err := r.run(ctx, nil, "update-ref", "-d", "refs/heads/"+*in.BranchName, id); err != nil {
		return nil, err
	}
	return &cc.DeleteBranchOutput{DeletedBranch: &cc.BranchInfo{BranchName: in.BranchName, CommitId: &id}}, s.Record(
		ctx, *r.RepositoryId)
}
