package actions

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"slipway/spec/workflow"
)

// reference is what uses names: an action of the source, an image, or an action of a repository at a version.
type reference struct {
	local string // a path from the workspace, for ./…
	image string // for docker://…
	name  string // OWNER/NAME
	path  string // in the repository
	ref   string
}

// parseUses reads what a step or a job uses.
func parseUses(uses string) (r reference, err error) {
	uses = strings.TrimSpace(uses)
	switch {
	case strings.HasPrefix(uses, "./") || uses == ".":
		return reference{local: uses}, nil
	case strings.HasPrefix(uses, "docker://"):
		return reference{image: strings.TrimPrefix(uses, "docker://")}, nil
	}
	whole, ref, ok := strings.Cut(uses, "@")
	parts := strings.SplitN(whole, "/", 3)
	if !ok || ref == "" || len(parts) < 2 || !safeName(parts[0]) || !safeName(parts[1]) {
		return r, fmt.Errorf("uses: %q must be OWNER/NAME@VERSION, OWNER/NAME/PATH@VERSION, ./PATH or docker://IMAGE",
			uses)
	}
	r = reference{name: parts[0] + "/" + parts[1], ref: ref}
	if len(parts) == 3 {
		r.path = filepath.Clean(parts[2])
		if !filepath.IsLocal(r.path) {
			return r, fmt.Errorf("uses: the path of %q leads out of the repository", uses)
		}
	}
	return r, nil
}

// safeName tells whether a part of a repository's name could be one.
func safeName(s string) bool {
	for _, r := range s {
		ok := r == '-' || r == '_' || r == '.' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !ok {
			return false
		}
	}
	return s != "" && s != "." && s != ".."
}

// key is what a fetched repository is found by: names have no case, versions have.
func (r reference) key() string { return strings.ToLower(r.name) + "@" + r.ref }

// action is OWNER/NAME or OWNER/NAME/PATH in lower case.
func (r reference) action() string {
	if r.path == "" {
		return strings.ToLower(r.name)
	}
	return strings.ToLower(r.name + "/" + r.path)
}

// readAction reads the action of a folder. An action without action.yml may be a Dockerfile alone.
func readAction(dir, shown string) (*workflow.Action, error) {
	for _, name := range []string{"action.yml", "action.yaml"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil {
			return workflow.ParseAction(shown+"/"+name, text)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "Dockerfile")); err == nil {
		a := &workflow.Action{Name: shown}
		a.Runs.Using, a.Runs.Image = "docker", "Dockerfile"
		return a, nil
	}
	return nil, fmt.Errorf("there is no action.yml in %s: is the source checked out, and is the path right?", shown)
}

// Needs are the repositories, each as OWNER/NAME@REF, that the steps of a workflow use, other than those that Slipway
// answers itself unless fetched says that it does not.
func Needs(steps []workflow.Step, fetched bool) (all []Repository, local []string) {
	for _, s := range steps {
		r, err := parseUses(s.Uses)
		switch {
		case s.Uses == "" || err != nil || r.image != "": // said when the step runs
		case r.local != "":
			local = append(local, r.local)
		case builtins[r.action()] == nil || fetched:
			all = append(all, Repository{r.name, r.ref, r.path, r.key()})
		}
	}
	return all, local
}

// Repository is one whose action or workflow is used.
type Repository struct {
	Name string // OWNER/NAME
	Ref  string
	Path string // of the action in it
	Key  string // in Plan.Actions
}

// Called is the workflow that a job uses: a path in the source, or a repository.
func Called(uses string) (path string, of Repository, err error) {
	r, err := parseUses(uses)
	if r.local != "" {
		return r.local, of, err
	}
	return "", Repository{r.name, r.ref, r.path, r.key()}, err
}
