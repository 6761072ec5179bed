package main

import (
	"context"
	"regexp"
	"strings"
	"sync"

	"slipway/internal/view"
)

// named is what an argument names, told by its form.
type named struct {
	build, deployment string
	pipeline          string
	execution         string // alone, or with its pipeline
	stage, action     string
}

var (
	uuidForm = sync.OnceValue(
		func() *regexp.Regexp { return regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`) },
	)
	deploymentForm = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^d-[A-Z0-9]{9}$`) })
)

// recognise returns what an argument names: d-XXXXXXXXX is a deployment, PROJECT:UUID a build, UUID or PIPELINE/UUID an
// execution, and PIPELINE[/STAGE[/ACTION]] a pipeline or a part of it. ARNs are recognised too.
func recognise(id string) (named, error) {
	bare := id
	if strings.HasPrefix(id, "arn:") {
		bare = id[strings.LastIndex(id, ":")+1:]
		for _, kind := range []string{":build/", ":build-batch/", ":sandbox/"} {
			if i := strings.LastIndex(id, kind); i >= 0 {
				bare = id[i+len(kind):]
			}
		}
	}
	if deploymentForm().MatchString(bare) {
		return named{deployment: bare}, nil
	}
	if project, build, ok := strings.Cut(bare, ":"); ok {
		if project == "" || !uuidForm().MatchString(build) {
			return named{}, usage("%q is no build's ID: it has the form PROJECT:UUID, as slipway builds prints it", id)
		}
		return named{build: bare}, nil
	}
	if uuidForm().MatchString(bare) {
		return named{execution: bare}, nil
	}
	parts := strings.Split(bare, "/")
	switch {
	case parts[0] == "" || len(parts) > 3:
		return named{}, usage(
			"%q names nothing: name a build (PROJECT:UUID), a deployment (d-…), an execution (its UUID) or "+
				"PIPELINE/STAGE/ACTION",
			id,
		)
	case len(parts) == 2 && uuidForm().MatchString(parts[1]):
		return named{pipeline: parts[0], execution: parts[1]}, nil
	}
	parts = append(parts, "", "")
	return named{pipeline: parts[0], stage: parts[1], action: parts[2]}, nil
}

// locate finds the pipeline of an execution that was named alone. The board has those in flight, and the last
// in each stage.
func (c *contract) locate(ctx context.Context, n *named) error {
	if n.execution == "" || n.pipeline != "" {
		return nil
	}
	all, err := view.ReadPipelines(ctx, c.slipway)
	if err != nil {
		return err
	}
	for _, p := range all {
		if _, ok := p.Executions[n.execution]; ok {
			n.pipeline = p.Name
			return nil
		}
	}
	return missing(
		"no pipeline has the execution %s in any of its stages; name an older one with its pipeline: PIPELINE/%s",
		n.execution,
		n.execution,
	)
}
