package find

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/codebuild"
	"slipway/api/codecommit"
	"slipway/api/codedeploy"
	"slipway/api/codepipeline"
	"slipway/api/slipway"
	"slipway/internal/view"
	"slipway/internal/web/change"
	"slipway/internal/web/kit"
)

// found is something that was looked for.
type found struct {
	Kind string // what it is, in a word
	Name string
	Say  string
	Href string
}

const (
	// ofAKind is how many of a kind are found at most, and allFound how many in all.
	ofAKind  = 6
	allFound = 24
	// listPages bounds how many pages of a list are looked through.
	listPages = 5
)

// doings are what can be done, and the places that there are.
var doings = []found{
	{
		"Go to",
		"Board",
		"every pipeline",
		"/board",
	},
	{"Go to", "Source", "repositories", "/repositories"},
	{"Go to", "Builds", "newest first", "/builds"},
	{
		"Go to",
		"Tests",
		"reports of builds",
		"/tests",
	},
	{"Go to", "Deployments", "newest first", "/deployments"},
	{"Go to", "Releases", "traffic on its way", "/releases"},
	{
		"Do",
		"Create an access key",
		"Settings",
		"/settings",
	},
	{"Do", "Create Git credentials", "Settings", "/settings"},
	{"Do", "Create a host", "Settings", "/settings/hosts#h-create"},
	{"Go to", "Hosts", "Settings", "/settings/hosts"},
	{"Go to", "Runners and routers", "Settings", "/settings/processes"},
	{"Go to", "Secrets", "Settings", "/settings/secrets"},
	{"Go to", "Images", "Settings", "/settings/images"},
}

func (s *pages) routes(mux *kit.Mux) { mux.Handle("GET /find", s.SignedIn(s.findPage)) }

// findPage finds pipelines, changes, builds, deployments, repositories, hosts and what can be done. The palette
// of every page asks it with part=1 for the list alone.
func (s *pages) findPage(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	q := strings.TrimSpace(r.URL.Query().Get("q"))
	all, err := s.find(r.Context(), kit.Shorten(q, 200))
	if err != nil {
		return err
	}
	if r.URL.Query().Get("part") != "" {
		s.Render(w, r, http.StatusOK, FoundList(all))
		return nil
	}
	s.Render(w, r, http.StatusOK, FindPage(s.Shell(r, v, "Find"), q, all))
	return nil
}

// finder collects what fits.
type finder struct {
	q    string
	all  []found
	left int // of the kind that is being looked for
}

// kind begins another kind.
func (f *finder) kind() { f.left = ofAKind }

// add takes something if it fits, by its name or by what else is said of it; false says that there are enough
// of its kind.
func (f *finder) add(x found) bool {
	if f.left > 0 && (kit.Contains(x.Name, f.q) || kit.Contains(x.Say, f.q)) {
		f.all = append(f.all, x)
		f.left--
	}
	return f.left > 0
}

func (s *pages) find(ctx context.Context, q string) ([]found, error) {
	f := &finder{q: q}
	for _, look := range []func(context.Context, *finder) error{s.findByID, s.findPipelines, s.findChanges,
		s.findProjects, s.findRepositories, s.findHosts} {
		f.kind()
		if err := look(ctx, f); err != nil {
			return nil, err
		}
	}
	f.kind()
	for _, d := range doings {
		if d.Kind == "Do" {
			f.add(d)
		}
	}
	f.left = len(doings)
	for _, d := range doings {
		if d.Kind != "Do" {
			f.add(d)
		}
	}
	// Names that begin with what was asked for come first.
	slices.SortStableFunc(f.all, func(a, b found) int { return beginning(a.Name, q) - beginning(b.Name, q) })
	return f.all[:min(len(f.all), allFound)], nil
}

func beginning(name, q string) int {
	if len(name) >= len(q) && strings.EqualFold(name[:len(q)], q) {
		return 0
	}
	return 1
}

var (
	deploymentID = regexp.MustCompile(`^d-[0-9A-Z]{9}$`)
	buildID      = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]*:[0-9a-f-]{36}$`)
)

// findByID finds what an ID is the ID of.
func (s *pages) findByID(ctx context.Context, f *finder) error {
	id := f.q
	if number, ok := strings.CutPrefix(id, "d-"); ok {
		id = "d-" + strings.ToUpper(number)
	}
	switch {
	case deploymentID.MatchString(id):
		out, err := s.Deployments.GetDeployment(ctx, &codedeploy.GetDeploymentInput{DeploymentId: &id})
		if awsproto.Code(err) == "DeploymentDoesNotExistException" ||
			awsproto.Code(err) == "InvalidDeploymentIdException" {
			return nil
		}
		if err != nil {
			return err
		}
		f.add(
			found{
				"Deployment",
				id,
				*out.DeploymentInfo.ApplicationName + ", " + string(out.DeploymentInfo.Status),
				kit.DeploymentPath(id),
			},
		)
	case buildID.MatchString(id):
		out, err := s.Builds.BatchGetBuilds(ctx, &codebuild.BatchGetBuildsInput{Ids: []string{id}})
		if err != nil {
			return err
		}
		for _, b := range out.Builds {
			one := view.BuildOf(b, nil)
			f.add(found{"Build", id, one.Words(), "/builds/" + url.PathEscape(id)})
		}
	}
	return nil
}

func (s *pages) findPipelines(ctx context.Context, f *finder) error {
	in := &codepipeline.ListPipelinesInput{}
	for range listPages {
		out, err := s.Pipelines.ListPipelines(ctx, in)
		if err != nil {
			return err
		}
		for _, p := range out.Pipelines {
			if !f.add(found{"Pipeline", *p.Name, "", kit.PipelinePath(*p.Name)}) {
				return nil
			}
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}
	return nil
}

// findChanges finds changes on the board by their message or commit.
func (s *pages) findChanges(ctx context.Context, f *finder) error {
	if len(f.q) < 3 { // everything would fit
		return nil
	}
	page, err := view.ReadPage(ctx, s.Slipway, &slipway.GetBoardInput{MaxResults: new(int32(change.BoardLines))})
	if err != nil {
		return err
	}
	for _, p := range page.Pipelines {
		executions := p.Executions
		var ids []string
		for id := range executions {
			ids = append(ids, id)
		}
		slices.SortFunc(ids, func(a, b string) int {
			x, y := executions[a].StartTime, executions[b].StartTime
			if x == nil || y == nil {
				return strings.Compare(a, b)
			}
			return y.Compare(x.Time)
		})
		for _, id := range ids {
			c := view.ChangeOf(executions[id], id, nil)
			if !f.add(
				found{"Change", c.Message, p.Name + " " + c.Short() + afterHit(c.Commit, id, f.q),
					kit.ExecutionPath(p.Name, id)},
			) {
				return nil
			}
		}
	}
	return nil
}

// afterHit is the whole commit or execution, if that is what was asked for.
func afterHit(commit, id, q string) string {
	for _, whole := range []string{commit, id} {
		if len(q) > 7 && strings.HasPrefix(whole, strings.ToLower(q)) {
			return " " + whole
		}
	}
	return ""
}

func (s *pages) findProjects(ctx context.Context, f *finder) error {
	in := &codebuild.ListProjectsInput{}
	for range listPages {
		out, err := s.Builds.ListProjects(ctx, in)
		if err != nil {
			return err
		}
		for _, name := range out.Projects {
			if !f.add(found{"Builds of", name, "", "/projects/" + url.PathEscape(name)}) {
				return nil
			}
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}
	return nil
}

func (s *pages) findRepositories(ctx context.Context, f *finder) error {
	in := &codecommit.ListRepositoriesInput{}
	for range listPages {
		out, err := s.Source.ListRepositories(ctx, in)
		if err != nil {
			return err
		}
		for _, r := range out.Repositories {
			if !f.add(found{"Repository", *r.RepositoryName, "", kit.RepositoryURL(*r.RepositoryName, "", "")}) {
				return nil
			}
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}
	return nil
}

func (s *pages) findHosts(ctx context.Context, f *finder) error {
	in := &slipway.ListHostsInput{}
	for range listPages {
		out, err := s.Slipway.ListHosts(ctx, in)
		if err != nil {
			return err
		}
		for _, h := range out.Hosts {
			if !f.add(found{"Host", *h.Name, "", "/settings/hosts"}) {
				return nil
			}
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}
	return nil
}
