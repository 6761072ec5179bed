package source

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"

	"slipway/api/awsproto"
	cc "slipway/api/codecommit"
	"slipway/internal/store"
)

func (s *Service) save(ctx context.Context, tx store.Tx, m *cc.RepositoryMetadata) error {
	m.LastModifiedDate = awsproto.At(s.Now())
	_, err := tx.Exec(ctx, `UPDATE repositories SET doc = $2, name = $3, modified = $4 WHERE id = $1`, *m.RepositoryId,
		store.JSON(m), *m.RepositoryName, m.LastModifiedDate.UnixMilli())
	return err
}

func (s *Service) named(m *cc.RepositoryMetadata, name string) {
	m.RepositoryName = &name
	m.Arn = new(s.arn(name))
	m.CloneUrlHttp = new(s.URL + "/v1/repos/" + name)
}

func (s *Service) arn(name string) string {
	return "arn:aws:codecommit:" + s.Region + ":" + s.Account + ":" + name
}

func checkName(name string) error {
	if name == "." || name == ".." { // its URL could not be reached
		return &cc.InvalidRepositoryNameException{Message: "The repository name " + name + " is not valid."}
	}
	if strings.HasSuffix(name, ".git") {
		return &cc.InvalidRepositoryNameException{Message: "The repository name " + name +
			" is not valid: it must not end in .git."}
	}
	return nil
}

// CreateRepository implements codecommit:CreateRepository.
func (s *Service) CreateRepository(ctx context.Context,
	in *cc.CreateRepositoryInput) (*cc.CreateRepositoryOutput, error) {
	if err := checkName(*in.RepositoryName); err != nil {
		return nil, err
	}
	now := awsproto.At(s.Now())
	m := &cc.RepositoryMetadata{
		AccountId:             &s.Account,
		RepositoryId:          new(uuid.NewString()),
		RepositoryDescription: in.RepositoryDescription,
		CreationDate:          now,
		LastModifiedDate:      now,
	}
	s.named(m, *in.RepositoryName)
	if err := s.initialise(ctx, *m.RepositoryId); err != nil {
		return nil, err
	}
	err := s.db.Write(ctx, func(tx store.Tx) error {
		if _, err := find(ctx, tx, *in.RepositoryName); err == nil {
			return &cc.RepositoryNameExistsException{Message: "Repository named " + *in.RepositoryName +
				" already exists"}
		}
		if _, err := tx.Exec(ctx, `INSERT INTO repositories (id, name, doc, modified) VALUES ($1, $2, $3, $4)`,
			*m.RepositoryId, *m.RepositoryName, store.JSON(m), now.UnixMilli()); err != nil {
			return err
		}
		return setTags(ctx, tx, *m.RepositoryId, in.Tags)
	})
	if err != nil {
		return nil, errors.Join(err, s.Home.Remove(*m.RepositoryId))
	}
	return &cc.CreateRepositoryOutput{RepositoryMetadata: m}, nil
}

func (s *Service) initialise(ctx context.Context, id string) error {
	if err := s.Home.Make(id); err != nil {
		return err
	}
	dir := s.dir(id)
	g := git{dir}
	if _, err := g.run(ctx, nil, "init", "--quiet", "--bare", "--template=", "--initial-branch=main"); err != nil {
		return err
	}
	config := "[core]\n\trepositoryformatversion = 0\n\tbare = true\n\tfsync = all\n[http]\n\treceivepack = " +
		"true\n[uploadpack]\n\tallowFilter = true\n\tallowAnySHA1InWant = true\n" +
		"[receive]\n\tfsckObjects = true\n\tadvertisePushOptions = false\n[transfer]\n\thideRefs = " +
		"refs/slipway\n[gc]\n\tauto = 0\n"
	if err := wholeArchives(dir); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "config"), []byte(config), 0o600)
}

// GetRepository implements codecommit:GetRepository.
func (s *Service) GetRepository(ctx context.Context, in *cc.GetRepositoryInput) (*cc.GetRepositoryOutput, error) {
	m, err := s.Find(ctx, *in.RepositoryName)
	return &cc.GetRepositoryOutput{RepositoryMetadata: m}, err
}

// BatchGetRepositories implements codecommit:BatchGetRepositories, for 100 names at most.
func (s *Service) BatchGetRepositories(ctx context.Context,
	in *cc.BatchGetRepositoriesInput) (*cc.BatchGetRepositoriesOutput, error) {
	if len(in.RepositoryNames) == 0 {
		return nil, &cc.RepositoryNamesRequiredException{Message: "A list of repository names is required."}
	}
	if len(in.RepositoryNames) > 100 {
		return nil, &cc.MaximumRepositoryNamesExceededException{Message: "At most 100 repository names may be given."}
	}
	out := &cc.BatchGetRepositoriesOutput{Repositories: []cc.RepositoryMetadata{}, RepositoriesNotFound: []string{}}
	found, err := store.Documents[cc.RepositoryMetadata](ctx, s.db,
		`SELECT doc FROM repositories WHERE name IN `+store.In(1, len(in.RepositoryNames)),
		store.Args(in.RepositoryNames)...)
	if err != nil {
		return nil, err
	}
	byName := make(map[string]*cc.RepositoryMetadata, len(found))
	for _, m := range found {
		byName[*m.RepositoryName] = m
	}
	for _, name := range in.RepositoryNames {
		if m := byName[name]; m != nil {
			out.Repositories = append(out.Repositories, *m)
		} else {
			out.RepositoriesNotFound = append(out.RepositoriesNotFound, name)
		}
	}
	return out, nil
}

const repositoriesAPage = 1000

// ListRepositories implements codecommit:ListRepositories.
func (s *Service) ListRepositories(ctx context.Context,
	in *cc.ListRepositoriesInput) (*cc.ListRepositoriesOutput, error) {
	filter := []string{string(in.SortBy), string(in.Order)}
	offset := 0
	if !s.Pager.Place("ListRepositories", filter, in.NextToken, &offset) {
		return nil, &cc.InvalidContinuationTokenException{Message: "The continuation token is not valid."}
	}
	order := "name"
	if in.SortBy == cc.SortByEnumLastModifiedDate {
		order = "modified"
	}
	if in.Order == cc.OrderEnumDescending {
		order += " DESC"
	}
	all, err := store.Documents[cc.RepositoryMetadata](ctx, s.db,
		`SELECT doc FROM repositories ORDER BY `+order+`, id LIMIT $1 OFFSET $2`, repositoriesAPage+1, offset)
	if err != nil {
		return nil, err
	}
	out := &cc.ListRepositoriesOutput{Repositories: []cc.RepositoryNameIdPair{}}
	if len(all) > repositoriesAPage {
		all = all[:repositoriesAPage]
		out.NextToken = s.Pager.Token("ListRepositories", filter, offset+repositoriesAPage)
	}
	for _, m := range all {
		out.Repositories = append(out.Repositories,
			cc.RepositoryNameIdPair{RepositoryName: m.RepositoryName, RepositoryId: m.RepositoryId})
	}
	return out, nil
}

// DeleteRepository implements codecommit:DeleteRepository. An unknown name is not an error.
func (s *Service) DeleteRepository(ctx context.Context,
	in *cc.DeleteRepositoryInput) (*cc.DeleteRepositoryOutput, error) {
	var id string
	err := s.db.Write(ctx, func(tx store.Tx) error {
		m, err := find(ctx, tx, *in.RepositoryName)
		if _, missing := errors.AsType[*cc.RepositoryDoesNotExistException](err); missing {
			return nil
		}
		if err != nil {
			return err
		}
		id = *m.RepositoryId
		for _, table := range []string{"refs WHERE repository", "repository_tags WHERE repository",
			"repositories WHERE id"} {
			if _, err := tx.Exec(ctx, `DELETE FROM `+table+` = $1`, id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || id == "" {
		return nil, err
	}
	// A crash here leaves the folder, which goes to the quarantine.
	return &cc.DeleteRepositoryOutput{RepositoryId: &id}, s.Home.Remove(id)
}

func (s *Service) update(ctx context.Context, name string, f func(tx store.Tx, m *cc.RepositoryMetadata) error) error {
	return s.db.Write(ctx, func(tx store.Tx) error {
		m, err := find(ctx, tx, name)
		if err != nil {
			return err
		}
		if err := f(tx, m); err != nil {
			return err
		}
		return s.save(ctx, tx, m)
	})
}

// UpdateRepositoryName implements codecommit:UpdateRepositoryName.
func (s *Service) UpdateRepositoryName(ctx context.Context,
	in *cc.UpdateRepositoryNameInput) (*cc.UpdateRepositoryNameOutput, error) {
	if err := checkName(*in.NewName); err != nil {
		return nil, err
	}
	return nil, s.update(ctx, *in.OldName, func(tx store.Tx, m *cc.RepositoryMetadata) error {
		if _, err := find(ctx, tx, *in.NewName); err == nil && *in.NewName != *in.OldName {
			return &cc.RepositoryNameExistsException{Message: "Repository named " + *in.NewName + " already exists"}
		}
		s.named(m, *in.NewName)
		return nil
	})
}

// UpdateRepositoryDescription implements codecommit:UpdateRepositoryDescription; an absent description removes it.
func (s *Service) UpdateRepositoryDescription(ctx context.Context,
	in *cc.UpdateRepositoryDescriptionInput) (*cc.UpdateRepositoryDescriptionOutput, error) {
	return nil, s.update(ctx, *in.RepositoryName, func(_ store.Tx, m *cc.RepositoryMetadata) error {
		m.RepositoryDescription = in.RepositoryDescription
		if m.RepositoryDescription != nil && *m.RepositoryDescription == "" {
			m.RepositoryDescription = nil
		}
		return nil
	})
}

// UpdateDefaultBranch implements codecommit:UpdateDefaultBranch.
func (s *Service) UpdateDefaultBranch(ctx context.Context,
	in *cc.UpdateDefaultBranchInput) (*cc.UpdateDefaultBranchOutput, error) {
	r, err := s.open(ctx, *in.RepositoryName)
	if err != nil {
		return nil, err
	}
	if _, err := r.branch(ctx, *in.DefaultBranchName); err != nil {
		return nil, err
	}
	if _, err := r.run(ctx, nil, "symbolic-ref", "HEAD", "refs/heads/"+*in.DefaultBranchName); err != nil {
		return nil, err
	}
	return nil, s.update(ctx, *in.RepositoryName, func(_ store.Tx, m *cc.RepositoryMetadata) error {
		m.DefaultBranch = in.DefaultBranchName
		return nil
	})
}

func (s *Service) ofARN(ctx context.Context, arn *string) (*cc.RepositoryMetadata, error) {
	prefix := s.arn("")
	if !strings.HasPrefix(*arn, prefix) {
		return nil, &cc.InvalidResourceArnException{
			Message: fmt.Sprintf("%q is no repository here: an ARN begins with %s", *arn, prefix),
		}
	}
	return s.Find(ctx, strings.TrimPrefix(*arn, prefix))
}
