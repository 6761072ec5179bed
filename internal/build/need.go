package build

import (
	"slices"
	"strings"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
)

// What a build needs of a runner.
const (
	needHost       = "host"                 // the runner's own machine, in a sandbox or without
	needContainer  = "container"            // a container of the build's image
	needPrivileged = "container,privileged" // one with the rights of the machine's administrator
)

// Labels by which runners say where builds run on them.
const (
	labelContainer  = "container"
	labelPrivileged = "privileged"
)

// hostLabels are those of a runner that runs builds on its own machine. Runners that say nothing do so too.
var hostLabels = []string{"sandbox", "host", "tree"}

// meets are the needs that a runner with these labels meets.
func meets(labels []string) (needs []string) {
	if len(labels) == 0 || slices.ContainsFunc(labels, func(l string) bool { return slices.Contains(hostLabels, l) }) {
		needs = append(needs, needHost)
	}
	if slices.Contains(labels, labelContainer) {
		needs = append(needs, needContainer)
		if slices.Contains(labels, labelPrivileged) {
			needs = append(needs, needPrivileged)
		}
	}
	return needs
}

// lack says what a runner lacks that does not meet a need.
func lack(need string) string {
	switch need {
	case needContainer:
		return "a container engine for the project's image. Start Docker or Podman's service on a runner's machine " +
			"and the runner after it, or give the project the image host"
	case needPrivileged:
		return "a container engine and leave to run privileged builds (slipway runner --privileged)"
	}
	return "a sandbox, or --no-sandbox"
}

// allNeeds are all that a build may need of its runner.
var allNeeds = []string{needHost, needContainer, needPrivileged}

// hostImage is the name of an image that stands for the runner's own machine.
const hostImage = "host"

// curated begins the names of CodeBuild's own images.
const curated = "aws/codebuild/"

// site is where a build runs.
type site struct {
	needs      string
	image      string // "" is the runner's own machine
	privileged bool
	note       string // for the build's log
}

// siteOf decides where a build runs. An image of CodeBuild's own stands for what the operator named for it, and
// without that for the runner's machine.
func siteOf(e *cb.ProjectEnvironment, named map[string]string) site {
	image := awsproto.Value(e.Image)
	if image == hostImage || image == "" {
		return site{needs: needHost}
	}
	p := site{needs: needContainer, image: image, privileged: awsproto.Value(e.PrivilegedMode)}
	if strings.HasPrefix(image, curated) {
		p.image = stands(image, named)
		if p.image == "" {
			return site{needs: needHost, note: "The build runs on the runner's host: no image stands for " + image +
				" here. Name one: slipway images set " + image + " IMAGE"}
		}
		p.note = "The image " + p.image + " stands for " + image + "."
	}
	if p.privileged {
		p.needs = needPrivileged
	}
	return p
}

// stands is the image that was named for a name, or for a pattern that ends in *; the longest counts.
func stands(name string, named map[string]string) (image string) {
	longest := -1
	for pattern, of := range named {
		start, open := strings.CutSuffix(pattern, "*")
		if (pattern == name || open && strings.HasPrefix(name, start)) && len(pattern) > longest {
			image, longest = of, len(pattern)
		}
	}
	return image
}
