package main

import (
	"cmp"
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"slipway/api/awsproto"
	"slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/runner"
	"slipway/spec/buildspec"
)

// project reads the project that the run is compared with, says what differs, and returns its cache, if it can be read.
func (c *runCommand) project(ctx context.Context) (*runner.ProjectCache, error) {
	api, err := c.contract()
	if err != nil {
		return nil, err
	}
	out, err := api.builds.BatchGetProjects(ctx, &codebuild.BatchGetProjectsInput{Names: []string{c.Project}})
	if err != nil {
		return nil, err
	}
	if len(out.Projects) == 0 {
		return nil, fmt.Errorf("there is no project %s at %s: slipway projects lists them", c.Project, c.Endpoint)
	}
	p := out.Projects[0]
	if lines := c.differences(ctx, &p); len(lines) > 0 {
		fmt.Printf("This run differs from a build of %s on the server:\n  %s\n\n", c.Project,
			strings.Join(lines, "\n  "))
	}
	return c.sharedCache(ctx, api, &p)
}

// sharedCache is the cache of a project, if it is where it can be read.
func (c *runCommand) sharedCache(ctx context.Context, api *contract,
	p *codebuild.Project) (*runner.ProjectCache, error) {
	if p.Cache == nil || p.Cache.Type != codebuild.CacheTypeS3 {
		return nil, nil
	}
	conn, err := c.open()
	if err != nil {
		return nil, err
	}
	list, err := api.slipway.ListProjectCaches(ctx, &slipway.ListProjectCachesInput{ProjectName: &c.Project})
	if err != nil {
		return nil, err
	}
	shared := &runner.ProjectCache{
		Server:   conn,
		Location: awsproto.Value(p.Cache.Location),
		Scope:    runner.ScopeOf(*p.Arn, awsproto.Value(p.Cache.CacheNamespace)),
	}
	for _, x := range list.Caches {
		if x.PullRequest == nil {
			shared.Keys = append(shared.Keys, awsproto.Value(x.Key))
		}
	}
	return shared, nil
}

// differences are what makes the run another one than a build of the project, a line each.
func (c *runCommand) differences(ctx context.Context, p *codebuild.Project) (all []string) {
	add := func(what, there, here string) {
		if there != here {
			all = append(all, fmt.Sprintf("%s: %s; here %s", what, there, here))
		}
	}
	name, text, err := runner.ReadSpec(c.Dir, c.Buildspec)
	var spec *buildspec.Spec
	if err == nil {
		spec, err = buildspec.Parse(name, text)
	}
	if err != nil {
		spec = &buildspec.Spec{} // the run says what is wrong
	}
	if e := p.Environment; e != nil {
		add("image", cmp.Or(awsproto.Value(e.Image), "host"), cmp.Or(c.Image, "host"))
		add("processor", processorOf(e.Type), runtime.GOOS+"/"+runtime.GOARCH)
		if cpus := runner.Processors(e); cpus > 0 && cpus != runtime.NumCPU() {
			add("compute", fmt.Sprintf("%s, %d processors", e.ComputeType, cpus), fmt.Sprint(runtime.NumCPU()))
		}
		if awsproto.Value(e.PrivilegedMode) {
			all = append(all, "privileged mode: on; here off")
		}
		all = append(all, c.otherVariables(e.EnvironmentVariables)...)
	}
	if s := p.Source; s != nil && !runner.Inline(awsproto.Value(s.Buildspec)) {
		add("buildspec", cmp.Or(awsproto.Value(s.Buildspec), "buildspec.yml"), cmp.Or(c.Buildspec, "buildspec.yml"))
	} else if s != nil {
		all = append(all, "buildspec: the project's own text; here "+cmp.Or(c.Buildspec, "buildspec.yml"))
	}
	all = append(all, versionHere(ctx, c.Dir, awsproto.Value(p.SourceVersion))...)
	if c.Image == "" {
		all = append(all, otherTools(ctx, spec.Phases.Install.RuntimeVersions)...)
	}
	return all
}

// processorOf is the operating system and processor of an environment, as Go names them.
func processorOf(of codebuild.EnvironmentType) string {
	t := string(of)
	switch {
	case strings.HasPrefix(t, "WINDOWS"):
		return "windows/amd64"
	case strings.HasPrefix(t, "ARM"):
		return "linux/arm64"
	case strings.HasPrefix(t, "MAC"):
		return "darwin/arm64"
	}
	return "linux/amd64"
}

// otherVariables names variables of the project that the run does not have, or has with another value. Values are not
// shown.
func (c *runCommand) otherVariables(there []codebuild.EnvironmentVariable) []string {
	var missing, other []string
	for _, v := range there {
		given, ok := c.Env[*v.Name]
		switch {
		case !ok && (v.Type == "" || v.Type == codebuild.EnvironmentVariableTypePlaintext):
			missing = append(missing, *v.Name)
		case !ok:
			missing = append(missing, *v.Name+" (secret)")
		case given != awsproto.Value(v.Value):
			other = append(other, *v.Name)
		}
	}
	var all []string
	if len(missing) > 0 {
		all = append(all, "variables of the project that are not given here: "+strings.Join(missing, ", "))
	}
	if len(other) > 0 {
		all = append(all, "variables with another value: "+strings.Join(other, ", "))
	}
	return all
}

// versionHere compares the source version of a project with the working tree.
func versionHere(ctx context.Context, dir, there string) []string {
	git := func(args ...string) string {
		out, err := exec.CommandContext(ctx, "git", append([]string{"-C", dir}, args...)...).Output()
		if err != nil {
			return ""
		}
		return strings.TrimSpace(string(out))
	}
	commit := git("rev-parse", "-q", "--verify", "HEAD")
	branch := git("symbolic-ref", "-q", "--short", "HEAD")
	changed := git("status", "--porcelain", "--untracked-files=normal") != ""
	there = strings.TrimPrefix(there, "refs/heads/")
	same := there == "" || there == branch || there == commit
	if commit == "" || same && !changed {
		return nil
	}
	here := cmp.Or(branch, "no branch") + " at " + commit[:7]
	if changed {
		here += ", with changes that are not committed"
	}
	return []string{fmt.Sprintf("source: %s; here %s", cmp.Or(there, "the default branch"), here)}
}

// tools say how runtimes of runtime-versions tell their version.
var tools = map[string][]string{
	"golang": {"go", "version"}, "nodejs": {"node", "--version"}, "python": {"python3", "--version"},
	"java": {"java", "-version"}, "ruby": {"ruby", "--version"}, "php": {"php", "--version"},
	"dotnet": {"dotnet", "--version"},
}

var versionNumber = regexp.MustCompile(`\d+(?:\.\d+)*`)

// otherTools names runtimes of the buildspec that this machine does not have, or has in another version.
func otherTools(ctx context.Context, wanted []buildspec.Variable) (all []string) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for _, v := range wanted {
		tool := tools[v.Name]
		if tool == nil {
			continue
		}
		out, err := exec.CommandContext(ctx, tool[0], tool[1:]...).CombinedOutput()
		has := versionNumber.FindString(string(out))
		if err != nil || has == "" {
			all = append(all, fmt.Sprintf("%s: %s; here none", v.Name, v.Value))
		} else if !sameVersion(versionNumber.FindString(v.Value), has) {
			all = append(all, fmt.Sprintf("%s: %s; here %s", v.Name, v.Value, has))
		}
	}
	return all
}

// sameVersion tells whether a version is what is wanted, as far as the wanted one says: 1.2 is also 1.2.3.
func sameVersion(wanted, has string) bool {
	w, h := strings.Split(wanted, "."), strings.Split(has, ".")
	return wanted == "" || len(h) >= len(w) && slices.Equal(w, h[:len(w)])
}
