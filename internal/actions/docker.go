package actions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path/filepath"
	"strings"

	"slipway/internal/actions/expression"
)

// docker runs the containers of an action: its main now, and its post at the end of the job.
func (u *use) docker(ctx context.Context) error {
	if state, ok := u.f.j.pre[u.step]; ok { // its pre has run, and has registered its post
		maps.Copy(state, u.to.state)
		u.to.state = state
	} else {
		u.last(u.to.state)
	}
	entrypoint := u.input("entrypoint")
	if entrypoint == "" {
		entrypoint = u.action.Runs.Entrypoint
	}
	return u.contained(ctx, entrypoint, u.to)
}

// contained runs a container of a docker action with the action's arguments. Without an entrypoint it is the image's.
func (u *use) contained(ctx context.Context, entrypoint string, to *effects) error {
	j := u.f.j
	image, err := u.image(ctx)
	if err != nil {
		return err
	}
	given, env, err := u.said()
	if err != nil {
		return err
	}
	home, err := j.d.home()
	if err != nil {
		return err
	}
	files, err := j.files()
	if err != nil {
		return err
	}
	s := Service{Name: "action", Image: image, Env: env, Work: &Work{Hosts: j.hosts, Links: map[string]string{
		"/github/workspace":     j.workspace,
		"/github/home":          home,
		"/github/workflow":      j.d.plan.Work,
		"/github/file_commands": files.dir,
		"/github/runner_temp":   j.temp,
	}}}
	c, err := j.d.companion(ctx, s)
	if err != nil {
		return fmt.Errorf("the action %s: %w", u.step.Uses, err)
	}
	defer func() {
		c.close()
		_ = j.d.regain(ctx)
	}()
	args := c.Entrypoint
	switch {
	case entrypoint != "":
		args = append([]string{entrypoint}, given...)
	case len(given) > 0:
		args = append(args, given...)
	default:
		args = append(args, c.Command...)
	}
	if len(args) == 0 {
		return fmt.Errorf("the image %s says no program, and the action no entrypoint", image)
	}
	own := u.f.environmentOf(c.env, u.env, u.id, files)
	if err := u.environment(own, to.state); err != nil {
		return err
	}
	maps.Copy(own, env)
	within(own, files)
	p := program{args: args, dir: "/github/workspace", env: own}
	return u.f.output(ctx, p, c.run, files, to)
}

// within names to a docker action the places that it knows.
func within(env map[string]string, files *files) {
	for variable, name := range fileNames {
		env[variable] = "/github/file_commands/" + filepath.Base(files.path(name))
	}
	env["GITHUB_WORKSPACE"], env["PWD"], env["HOME"] = "/github/workspace", "/github/workspace", "/github/home"
	env["GITHUB_EVENT_PATH"] = "/github/workflow/event.json"
	env["RUNNER_TEMP"], env["RUNNER_WORKSPACE"] = "/github/runner_temp", "/github"
	delete(env, "RUNNER_TOOL_CACHE")
}

// said evaluates the arguments and the variables of a docker action. The arguments of the step come before its own.
func (u *use) said() (args []string, env map[string]string, err error) {
	scope := u.f.values(u.env)
	scope.Contexts["inputs"] = u.inputs
	if text := u.input("args"); text != "" {
		args, err = words(strings.ReplaceAll(text, "\n", " "))
	} else {
		for _, item := range u.action.Runs.Args.Items {
			v, bad := evaluateText(item, scope)
			args, err = append(args, v), errors.Join(err, bad)
		}
	}
	if err != nil {
		return nil, nil, fmt.Errorf("args: %w", err)
	}
	own := newVariables()
	if err := evaluateEnv(own, u.action.Runs.Env, scope); err != nil {
		return nil, nil, fmt.Errorf("runs.env: %w", err)
	}
	return args, maps.Clone(own.values), nil
}

// image is the image of a docker action, which is built if it is a Dockerfile's.
func (u *use) image(ctx context.Context) (string, error) {
	j, image := u.f.j, u.action.Runs.Image
	if name, ok := strings.CutPrefix(image, "docker://"); ok {
		return name, nil
	}
	if !filepath.IsLocal(image) {
		return "", fmt.Errorf("the image %q of %s must be docker://IMAGE, or a Dockerfile of the action", image,
			u.step.Uses)
	}
	text, err := json.Marshal(Recipe{Dir: u.dir, Dockerfile: filepath.Clean(image)})
	if err != nil {
		return "", err
	}
	answer, err := j.d.ask(ctx, http.MethodPost, ImagesPath, strings.NewReader(string(text)))
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err != nil {
		return "", err
	}
	if answer.StatusCode != http.StatusCreated {
		return "", fmt.Errorf("the image of %s: %s", u.step.Uses, strings.TrimSpace(string(said)))
	}
	return strings.TrimSpace(string(said)), nil
}

// pre and post are what an action runs before and after the steps, "" for nothing.
func (u *use) pre() string {
	if r := u.action.Runs; r.Using == "docker" {
		return r.PreEntrypoint
	}
	return u.action.Runs.Pre
}

func (u *use) post() string {
	if r := u.action.Runs; r.Using == "docker" {
		return r.PostEntrypoint
	}
	return u.action.Runs.Post
}

// also runs a pre or a post of an action.
func (u *use) also(ctx context.Context, what string, state map[string]string) error {
	to := &effects{outputs: expression.NewObject(), state: state}
	if u.action.Runs.Using == "docker" {
		return u.contained(ctx, what, to)
	}
	return u.javascript(ctx, what, to)
}
