package runner

import (
	"context"
	"encoding/json"
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"

	"slipway/api/codebuild"
	"slipway/internal/actions"
	"slipway/spec/buildspec"
	"slipway/spec/workflow"
)

// plan is what the driver of steps is to do.
func (b *build) plan(ctx context.Context, kind codebuild.BuildPhaseType, p buildspec.Phase) (actions.Plan, error) {
	at := b.space.place
	plan := actions.Plan{
		File:     b.spec.File,
		Steps:    p.Steps,
		Source:   at.Source,
		InPlace:  true,
		Work:     path.Join(at.Tools, workName),
		Image:    b.Room.Image,
		Endpoint: b.Endpoint,
		Secrets:  b.secrets,
		Vars:     b.plainVariables(),
		Fetched:  b.Actions.Fetched,
		Fold:     b.Actions.Fold,
		Result:   path.Join(at.Tools, resultName),

		Artifacts: path.Join(at.Tools, artifactsName),
	}
	if f := b.flow; f != nil {
		plan.File, plan.Workflow, plan.Job = f.file, f.text, f.job
		plan.InPlace = b.InPlace
		plan.Hidden = slices.Collect(maps.Keys(b.secrets))
		plan.Inputs = workflowInputs(f.def.Inputs, plan.Vars)
	}
	github, event := b.githubContext()
	plan.Repository = github["repository"].(string)
	var err error
	if plan.GitHub, err = json.Marshal(github); err != nil {
		return plan, err
	}
	if plan.Event, err = json.Marshal(event); err != nil {
		return plan, err
	}
	plan.Actions, plan.Missing, err = b.fetchActions(ctx, p)
	return plan, err
}

// plainVariables are those of the buildspec, the project and the start that are no secrets: the context vars.
func (b *build) plainVariables() map[string]string {
	all := map[string]string{}
	for _, v := range b.spec.Env.Variables {
		all[v.Name] = v.Value
	}
	if e := b.order.Build.Environment; e != nil {
		for _, v := range e.EnvironmentVariables {
			if _, secret := b.secrets[value(v.Name)]; !secret && v.Name != nil {
				all[*v.Name] = value(v.Value)
			}
		}
	}
	return all
}

// workflowInputs are the inputs of workflow_dispatch: an input NAME is the build's variable INPUT_NAME.
func workflowInputs(declared []workflow.Input, variables map[string]string) map[string]string {
	all := map[string]string{}
	for _, i := range declared {
		name := "INPUT_" + strings.ToUpper(strings.NewReplacer("-", "_", " ", "_").Replace(i.Name))
		if v, ok := variables[name]; ok {
			all[i.Name] = v
		}
	}
	return all
}

// githubContext is the context github of a build, and its event. What is not known of a build is left empty.
func (b *build) githubContext() (github, event map[string]any) {
	o := b.order
	vars := o.Variables
	repository, server := b.repositoryName()
	owner, name, _ := strings.Cut(repository, "/")
	ref, sha := b.refOf(), b.result.ResolvedSourceVersion
	if !commitID().MatchString(sha) {
		sha = ""
	}
	short, kind := strings.TrimPrefix(ref, "refs/heads/"), "branch"
	if tag, ok := strings.CutPrefix(ref, "refs/tags/"); ok {
		short, kind = tag, "tag"
	}
	short = strings.TrimPrefix(short, "refs/pull/")
	actor := path.Base(value(o.Build.Initiator))
	if a := vars["CODEBUILD_WEBHOOK_ACTOR_ACCOUNT_ID"]; a != "" {
		actor = a
	}
	_, run, _ := strings.Cut(value(o.Build.Id), ":")
	number := "1"
	if n := o.Build.BuildNumber; n != nil {
		number = json.Number(jsonText(*n)).String()
	}
	file := "buildspec"
	if b.flow != nil {
		file = b.flow.file
	}
	github = map[string]any{
		"actor":               actor,
		"triggering_actor":    actor,
		"api_url":             server,
		"graphql_url":         server,
		"server_url":          server,
		"base_ref":            branch(vars["CODEBUILD_WEBHOOK_BASE_REF"]),
		"head_ref":            "",
		"event_name":          eventName(vars),
		"ref":                 ref,
		"ref_name":            short,
		"ref_protected":       false,
		"ref_type":            kind,
		"repository":          repository,
		"repository_owner":    owner,
		"repository_id":       "",
		"repository_owner_id": owner,
		"repositoryUrl":       server + "/" + name,
		"retention_days":      "0",
		"run_attempt":         "1",
		"run_id":              run,
		"run_number":          number,
		"secret_source":       "None",
		"sha":                 sha,
		"workflow_ref":        repository + "/" + file + "@" + ref,
		"workflow_sha":        sha,
	}
	return github, b.eventOf(github)
}

// eventOf is the event of a build, as far as the build knows it.
func (b *build) eventOf(github map[string]any) map[string]any {
	vars := b.order.Variables
	repository := map[string]any{"full_name": github["repository"],
		"owner": map[string]any{"login": github["repository_owner"]}}
	event := map[string]any{"ref": github["ref"], "after": github["sha"], "repository": repository,
		"sender": map[string]any{"login": github["actor"]}}
	if before := vars["CODEBUILD_WEBHOOK_PREV_COMMIT"]; before != "" {
		event["before"] = before
	}
	if github["event_name"] == "pull_request" {
		github["head_ref"] = branch(vars["CODEBUILD_WEBHOOK_HEAD_REF"])
		event["number"] = strings.TrimPrefix(vars["CODEBUILD_WEBHOOK_TRIGGER"], "pr/")
	}
	if b.flow != nil && github["event_name"] == "workflow_dispatch" {
		event["inputs"] = workflowInputs(b.flow.def.Inputs, b.plainVariables())
	}
	return event
}

// branch is a branch without refs/heads/.
func branch(ref string) string { return strings.TrimPrefix(ref, "refs/heads/") }

func jsonText(v any) string {
	text, _ := json.Marshal(v)
	return string(text)
}

// eventName says in GitHub's words what started a build.
func eventName(vars map[string]string) string {
	switch event := vars["CODEBUILD_WEBHOOK_EVENT"]; {
	case event == "PUSH":
		return "push"
	case strings.HasPrefix(event, "PULL_REQUEST"):
		return "pull_request"
	case event == "RELEASED" || event == "PRERELEASED":
		return "release"
	}
	return "workflow_dispatch"
}

// refOf is the full name of what a build was started for: a branch unless it says otherwise.
func (b *build) refOf() string {
	if ref := b.order.Variables["CODEBUILD_WEBHOOK_HEAD_REF"]; ref != "" {
		return ref
	}
	if b.Ref != "" {
		return b.Ref
	}
	version := value(b.order.Build.SourceVersion)
	if m := pinned().FindStringSubmatch(version); m != nil {
		return m[1]
	}
	switch {
	case version == "" || commitID().MatchString(version):
		return ""
	case strings.HasPrefix(version, "refs/"):
		return version
	case strings.HasPrefix(version, "pr/"):
		return "refs/pull/" + strings.TrimPrefix(version, "pr/") + "/merge"
	}
	return "refs/heads/" + version
}

// repositoryName is OWNER/NAME of a build's source, and where it is. The owner of this server's repositories is the
// account.
func (b *build) repositoryName() (name, server string) {
	server = b.Endpoint
	project := value(b.order.Build.ProjectName)
	name = b.order.Account + "/" + project
	if b.Repository != "" {
		return b.Repository, server
	}
	for _, s := range b.order.Sources {
		u, err := url.Parse(s.URL)
		if s.Identifier != "" || s.URL == "" || err != nil {
			continue
		}
		if s.Here {
			return b.order.Account + "/" + path.Base(u.Path), server
		}
		clean := strings.TrimSuffix(strings.Trim(u.Path, "/"), ".git")
		if owner, rest, ok := strings.Cut(clean, "/"); ok {
			return owner + "/" + path.Base(rest), u.Scheme + "://" + u.Hostname()
		}
	}
	return name, server
}
