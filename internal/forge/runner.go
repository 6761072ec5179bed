package forge

import (
	"context"
	"net/http"
)

// Runner is a runner of GitHub Actions that is to take one job.
type Runner struct {
	Name   string   `json:"name"`
	Group  int      `json:"runner_group_id"`
	Labels []string `json:"labels"`
	Folder string   `json:"work_folder"`
}

// NewRunner registers a runner of a repository for one job. It returns the configuration with which the runner's
// program is started: a secret. Source: "Create configuration for a just-in-time runner for a repository" in GitHub's
// REST API.
func (a *API) NewRunner(ctx context.Context, repository string, r Runner) (config string, err error) {
	var out struct {
		Config string `json:"encoded_jit_config"`
	}
	_, err = a.Call(ctx, http.MethodPost, "/repos/"+repository+"/actions/runners/generate-jitconfig", r, &out)
	if err == nil && out.Config == "" {
		err = a.failed(http.MethodPost, http.StatusOK, "its answer has no encoded_jit_config")
	}
	return out.Config, err
}
