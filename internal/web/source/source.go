package source

import (
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"

	"slipway/api/codecommit"
	"slipway/api/slipway"
	"slipway/internal/web/kit"
)

// routes are the pages of the Source stage.
func (s *pages) routes(mux *kit.Mux) {
	for pattern, p := range map[string]kit.Handler{
		"GET /repositories":                     s.repositoriesPage,
		"GET /repositories/{name}":              s.repositoryPage,
		"GET /repositories/{name}/file":         s.filePage,
		"GET /repositories/{name}/raw":          s.rawFile,
		"GET /repositories/{name}/branches":     s.branchesPage,
		"GET /repositories/{name}/commits":      s.commitsPage,
		"GET /repositories/{name}/commits/{id}": s.commitPage,
		"GET /repositories/{name}/diff":         s.diffPage,
	} {
		mux.Handle(pattern, s.SignedIn(p))
	}
}

func (s *pages) repositoriesPage(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	in := &codecommit.ListRepositoriesInput{}
	if after := r.URL.Query().Get("after"); after != "" {
		in.NextToken = &after
	}
	list, err := s.Source.ListRepositories(r.Context(), in)
	if err != nil {
		return err
	}
	// As many as have room on a page; the list of the service is longer.
	all := list.Repositories
	more := kit.OlderPath("/repositories", list.NextToken)
	s.Render(
		w,
		r,
		http.StatusOK,
		Repositories(s.Shell(r, v, "Source"), all[:min(len(all), shownRows)], len(all)-shownRows, more, s.URL),
	)
	return nil
}

// shownRows is how many rows a page shows of a list that has no pages of its own.
const shownRows = 200

// repositoryPage shows a folder of a repository, at a branch, tag or commit.
func (s *pages) repositoryPage(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
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
		at = kit.Text(got.RepositoryMetadata.DefaultBranch)
	}
	var files *codecommit.GetFolderOutput
	if at != "" {
		if folder == "" {
			folder = "/"
		}
		if files, err = s.Source.GetFolder(
			r.Context(),
			&codecommit.GetFolderInput{RepositoryName: &name, CommitSpecifier: &at, FolderPath: &folder},
		); err != nil {
			return err
		}
	}
	s.Render(w, r, http.StatusOK, Repository(s.Shell(r, v, name), got.RepositoryMetadata, branches.Branches, at, files))
	return nil
}

// entry is a line of a folder.
type entry struct {
	Name, Note, Href string
}

// entriesOf are what a folder holds, its folders first.
func entriesOf(name, at string, files *codecommit.GetFolderOutput) (all []entry) {
	for _, f := range files.SubFolders {
		all = append(all,
			entry{Name: kit.Text(f.RelativePath) + "/", Href: kit.RepositoryURL(name, at, kit.Text(f.AbsolutePath))})
	}
	for _, f := range files.Files {
		all = append(all, entry{Name: kit.Text(f.RelativePath), Href: kit.FilePath(name, at, kit.Text(f.AbsolutePath))})
	}
	for _, f := range files.SymbolicLinks {
		all = append(all, entry{Name: kit.Text(f.RelativePath), Note: "link"})
	}
	for _, f := range files.SubModules {
		all = append(all, entry{Name: kit.Text(f.RelativePath), Note: "submodule"})
	}
	return all
}

func (s *pages) branchesPage(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	name := r.PathValue("name")
	got, err := s.Source.GetRepository(r.Context(), &codecommit.GetRepositoryInput{RepositoryName: &name})
	if err != nil {
		return err
	}
	branches, err := s.Source.ListBranches(r.Context(), &codecommit.ListBranchesInput{RepositoryName: &name})
	if err != nil {
		return err
	}
	s.Render(
		w,
		r,
		http.StatusOK,
		Branches(s.Shell(r, v, name), name, kit.Text(got.RepositoryMetadata.DefaultBranch), branches.Branches),
	)
	return nil
}

// commitsShown is how many commits a page lists.
const commitsShown = 50

func (s *pages) commitsPage(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	name, at := r.PathValue("name"), r.URL.Query().Get("at")
	got, err := s.Source.GetRepository(r.Context(), &codecommit.GetRepositoryInput{RepositoryName: &name})
	if err != nil {
		return err
	}
	if at == "" {
		at = kit.Text(got.RepositoryMetadata.DefaultBranch)
	}
	list := &slipway.ListCommitsOutput{}
	if at != "" {
		in := &slipway.ListCommitsInput{
			RepositoryName:  &name,
			CommitSpecifier: &at,
			MaxResults:      new(int32(commitsShown)),
		}
		if after := r.URL.Query().Get("after"); after != "" {
			in.NextToken = &after
		}
		if list, err = s.Slipway.ListCommits(r.Context(), in); err != nil {
			return err
		}
	}
	more := ""
	if list.NextToken != nil {
		more = r.URL.Path + "?" + url.Values{"at": {at}, "after": {*list.NextToken}}.Encode()
	}
	s.Render(w, r, http.StatusOK, Commits(s.Shell(r, v, name+" commits"), name, at, list.Commits, more, s.Now()))
	return nil
}

// fileView is a window of a file's lines.
type fileView struct {
	Name, At, Path string
	Why            string // why nothing is shown
	Lines          []string
	From, Total    int // of lines, from one on
	Size           int // bytes
}

const (
	// linesOfAFile is how many lines of a file a page shows, and bytesOfAFile how much text at most.
	linesOfAFile = 300
	bytesOfAFile = 28 << 10
)

// rawFile sends a file as text, whatever it holds: nothing of a repository is a page of this site.
func (s *pages) rawFile(w http.ResponseWriter, r *http.Request, _ kit.Visitor) error {
	q := r.URL.Query()
	got, err := s.Source.GetFile(
		r.Context(),
		&codecommit.GetFileInput{
			RepositoryName:  new(r.PathValue("name")),
			CommitSpecifier: optional(q.Get("at")),
			FilePath:        new(q.Get("path")),
		},
	)
	if err != nil {
		return err
	}
	kind := "text/plain; charset=utf-8"
	if !kit.Printable(got.FileContent) {
		kind = "application/octet-stream"
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Security-Policy", "sandbox")
	_, _ = w.Write(got.FileContent)
	return nil
}

func rawURL(name, at, file string) string {
	return "/repositories/" + url.PathEscape(name) + "/raw?" + url.Values{"at": {at}, "path": {file}}.Encode()
}

func (s *pages) filePage(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	f := &fileView{Name: r.PathValue("name"), At: r.URL.Query().Get("at"), Path: r.URL.Query().Get("path")}
	got, err := s.Source.GetFile(
		r.Context(),
		&codecommit.GetFileInput{RepositoryName: &f.Name, CommitSpecifier: optional(f.At), FilePath: &f.Path},
	)
	if err != nil {
		return err
	}
	from, _ := strconv.Atoi(r.URL.Query().Get("from"))
	f.show(got.FileContent, from)
	s.Render(w, r, http.StatusOK, FilePage(s.Shell(r, v, path.Base(f.Path)), f))
	return nil
}

// show takes the lines of a file from one on, as many as have room.
func (f *fileView) show(content []byte, from int) {
	f.Size = len(content)
	switch {
	case len(content) == 0:
		f.Why = "The file is empty."
		return
	case !kit.Printable(content):
		f.Why = "The file is no text. Clone the repository to open it."
		return
	}
	all := strings.Split(strings.TrimSuffix(string(content), "\n"), "\n")
	f.Total, f.From = len(all), min(max(1, from), len(all))
	left := bytesOfAFile
	for _, line := range all[f.From-1 : min(f.From-1+linesOfAFile, len(all))] {
		line = kit.Shorten(line, 2000)
		if left -= len(line); left < 0 && len(f.Lines) > 0 {
			break
		}
		f.Lines = append(f.Lines, line)
	}
}

// window is the address of the lines from one on.
func (f *fileView) window(from int) string {
	return kit.FilePath(f.Name, f.At, f.Path) + "&from=" + strconv.Itoa(max(1, from))
}

// optional is nil for what was not given: the service then takes its default, such as the default branch.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
