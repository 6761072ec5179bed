package build

import (
	"net/http"
	"net/url"

	"slipway/api/codebuild"
	"slipway/internal/web/kit"
)

const (
	sandboxesShown = 25
	commandsShown  = 50
)

// sandboxesURL is the page of a project's sandboxes.
func sandboxesURL(project string) string {
	return "/projects/" + url.PathEscape(project) + "/sandboxes"
}

// sandboxURL is the page of a sandbox.
func sandboxURL(id string) string { return "/sandboxes/" + url.PathEscape(id) }

// sandboxesPage lists the newest sandboxes of a project.
func (s *pages) sandboxesPage(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	project := r.PathValue("name")
	list, err := s.Builds.ListSandboxesForProject(r.Context(), &codebuild.ListSandboxesForProjectInput{
		ProjectName: &project, MaxResults: new(int32(sandboxesShown)), SortOrder: codebuild.SortOrderTypeDescending})
	if err != nil {
		return err
	}
	var all []codebuild.Sandbox
	if len(list.Ids) > 0 {
		out, err := s.Builds.BatchGetSandboxes(r.Context(), &codebuild.BatchGetSandboxesInput{Ids: list.Ids})
		if err != nil {
			return err
		}
		all = out.Sandboxes
	}
	s.Render(w, r, http.StatusOK, Sandboxes(s.Shell(r, v, "Sandboxes of "+project, "builds"), project, all, s.Now()))
	return nil
}

func (s *pages) startSandbox(w http.ResponseWriter, r *http.Request, _ kit.Visitor) error {
	out, err := s.Builds.StartSandbox(r.Context(), &codebuild.StartSandboxInput{ProjectName: new(r.PathValue("name"))})
	if err != nil {
		return err
	}
	http.Redirect(w, r, sandboxURL(*out.Sandbox.Id), http.StatusSeeOther)
	return nil
}

// isSandbox tells whether the ID in an address, which has the form of a build's, is of a sandbox.
func (s *pages) isSandbox(r *http.Request) bool {
	out, err := s.Builds.BatchGetSandboxes(r.Context(),
		&codebuild.BatchGetSandboxesInput{Ids: []string{r.PathValue("id")}})
	return err == nil && len(out.Sandboxes) > 0
}

// sandboxPage shows a sandbox with its newest commands.
func (s *pages) sandboxPage(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	id := r.PathValue("id")
	out, err := s.Builds.BatchGetSandboxes(r.Context(), &codebuild.BatchGetSandboxesInput{Ids: []string{id}})
	if err != nil {
		return err
	}
	if len(out.Sandboxes) == 0 {
		return kit.Refusal(http.StatusNotFound, "There is no sandbox "+id+". It may have been deleted.")
	}
	x := &out.Sandboxes[0]
	commands, err := s.Builds.ListCommandExecutionsForSandbox(r.Context(),
		&codebuild.ListCommandExecutionsForSandboxInput{SandboxId: x.Id, MaxResults: new(int32(commandsShown)),
			SortOrder: codebuild.SortOrderTypeDescending})
	if err != nil {
		return err
	}
	shell := s.Shell(r, v, *x.Id, "build/"+*x.Id, "sandbox/"+*x.Id)
	s.Render(w, r, http.StatusOK, SandboxPage(shell, x, commands.CommandExecutions, s.Now()))
	return nil
}

func (s *pages) stopSandbox(w http.ResponseWriter, r *http.Request, _ kit.Visitor) error {
	id := r.PathValue("id")
	if _, err := s.Builds.StopSandbox(r.Context(), &codebuild.StopSandboxInput{Id: &id}); err != nil {
		return err
	}
	http.Redirect(w, r, sandboxURL(id), http.StatusSeeOther)
	return nil
}

func (s *pages) runInSandbox(w http.ResponseWriter, r *http.Request, _ kit.Visitor) error {
	id, command := r.PathValue("id"), r.FormValue("command")
	if _, err := s.Builds.StartCommandExecution(r.Context(), &codebuild.StartCommandExecutionInput{SandboxId: &id,
		Command: &command, Type: codebuild.CommandTypeShell}); err != nil {
		return err
	}
	http.Redirect(w, r, sandboxURL(id), http.StatusSeeOther)
	return nil
}
