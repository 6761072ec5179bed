package web

import (
	"net/http"
	"net/url"
	"path"

	"slipway/api/codecommit"
)

// sourceRoutes are the pages of the Source stage.
func (s *site) sourceRoutes(mux *http.ServeMux) {
	for pattern, p := range map[string]page{
		"GET /repositories":                     s.repositoriesPage,
		"GET /repositories/{name}":              s.repositoryPage,
		"GET /repositories/{name}/file":         s.filePage,
		"GET /repositories/{name}/commits/{id}": s.commitPage,
	} {
		mux.Handle(pattern, s.signedIn(p))
	}
}

func (s *site) repositoriesPage(w http.ResponseWriter, r *http.Request, v visitor) error {
	in := &codecommit.ListRepositoriesInput{}
	if after := r.URL.Query().Get("after"); after != "" {
		in.NextToken = &after
	}
	list, err := s.Source.ListRepositories(r.Context(), in)
	if err != nil {
		return err
	}
	more := ""
	if list.NextToken != nil {
		more = "/repositories?after=" + url.QueryEscape(*list.NextToken)
	}
	s.render(w, r, http.StatusOK, Repositories(s.shell(r, v, "Source"), list.Repositories, more, s.URL))
	return nil
}

// repositoryPage shows a folder of a repository, at a branch, tag or commit.
func (s *site) repositoryPage(w http.ResponseWriter, r *http.Request, v visitor) error {
	name, at, folder := r.PathValue("name"), r.URL.Query().Get("at"), r.URL.Query().Get("folder")
	got, err := s.Source.GetRepository(r.Context(), &codecommit.GetRepositoryInput{RepositoryName: &name})
	if err != nil {
		return err
	}
	branches, err := s.Source.ListBranches(r.Context(), &codecommit.ListBranchesInput{RepositoryName: &name})
	if err != nil {
		return err
	}
	if at == "" {
		at = text(got.RepositoryMetadata.DefaultBranch)
	}
	var files *codecommit.GetFolderOutput
	if at != "" {
		if folder == "" {
			folder = "/"
		}
		if files, err = s.Source.GetFolder(r.Context(), &codecommit.GetFolderInput{RepositoryName: &name, CommitSpecifier: &at, FolderPath: &folder}); err != nil {
			return err
		}
	}
	s.render(w, r, http.StatusOK, Repository(s.shell(r, v, name), got.RepositoryMetadata, branches.Branches, at, files))
	return nil
}

func (s *site) filePage(w http.ResponseWriter, r *http.Request, v visitor) error {
	name, at, file := r.PathValue("name"), r.URL.Query().Get("at"), r.URL.Query().Get("path")
	got, err := s.Source.GetFile(r.Context(), &codecommit.GetFileInput{RepositoryName: &name, CommitSpecifier: &at, FilePath: &file})
	if err != nil {
		return err
	}
	s.render(w, r, http.StatusOK, FilePage(s.shell(r, v, path.Base(file)), name, at, file, got.FileContent))
	return nil
}

// commitPage shows a commit and the files that it changed.
func (s *site) commitPage(w http.ResponseWriter, r *http.Request, v visitor) error {
	name, id := r.PathValue("name"), r.PathValue("id")
	got, err := s.Source.GetCommit(r.Context(), &codecommit.GetCommitInput{RepositoryName: &name, CommitId: &id})
	if err != nil {
		return err
	}
	in := &codecommit.GetDifferencesInput{RepositoryName: &name, AfterCommitSpecifier: &id}
	if len(got.Commit.Parents) > 0 {
		in.BeforeCommitSpecifier = &got.Commit.Parents[0]
	}
	changed, err := s.Source.GetDifferences(r.Context(), in)
	if err != nil {
		return err
	}
	s.render(w, r, http.StatusOK, CommitPage(s.shell(r, v, short(id, "")), name, got.Commit, changed))
	return nil
}

// maxShown is how much of a file a page shows, in bytes.
const maxShown = 200 << 10

// shown is a file's text as a page shows it; why says why it does not.
func shown(content []byte) (lines, why string) {
	switch {
	case len(content) > maxShown:
		return "", "The file is larger than a page shows. Clone the repository to read it."
	case !printable(content):
		return "", "The file is no text."
	}
	return string(content), ""
}

func repositoryURL(name, at, folder string) string {
	q := url.Values{}
	if at != "" {
		q.Set("at", at)
	}
	if folder != "" {
		q.Set("folder", folder)
	}
	u := "/repositories/" + url.PathEscape(name)
	if len(q) > 0 {
		u += "?" + q.Encode()
	}
	return u
}

func fileURL(name, at, file string) string {
	return "/repositories/" + url.PathEscape(name) + "/file?" + url.Values{"at": {at}, "path": {file}}.Encode()
}
