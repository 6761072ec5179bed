package build

import (
	"regexp"
	"slices"
	"strings"
	"sync"

	cb "slipway/api/codebuild"
)

// runnerWants is what the labels of a queued job of GitHub Actions ask of the build that runs it. Source: "Label
// overrides supported with the CodeBuild-hosted GitHub Actions runner" in the CodeBuild user guide.
type runnerWants struct {
	image     string
	kind      cb.EnvironmentType
	compute   cb.ComputeType
	fleet     string
	buildspec bool // the phases of the project's own buildspec run around the job
}

// runOf is the end of a label that names a project: the run's ID and its attempt.
var runOf = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9]+-[0-9]+$`) })

// readLabels returns what the labels of a job ask for. ours is false for a job that is not for the project. A label may
// have several words. Those that mean nothing here are the workflow's own.
func readLabels(labels []string, project string) (wants runnerWants, ours bool, err error) {
	words := strings.Fields(strings.Join(labels, " "))
	prefix := "codebuild-" + strings.ToLower(project) + "-"
	ours = slices.ContainsFunc(words, func(w string) bool {
		rest, ok := strings.CutPrefix(strings.ToLower(w), prefix)
		return ok && runOf().MatchString(rest)
	})
	if !ours {
		return wants, false, nil
	}
	for _, w := range words {
		name, value, _ := strings.Cut(w, ":")
		switch name {
		case "image":
			wants.image, wants.kind, err = labelledImage(value)
		case "instance-size":
			err = wants.size(value)
		case "fleet":
			wants.fleet = value
		case "buildspec-override":
			wants.buildspec = value == "true"
		}
		if err != nil {
			return wants, true, err
		}
	}
	return wants, true, nil
}

// curatedImages are CodeBuild's own images by what labels call them. Source: "Compute images supported with the
// CodeBuild-hosted GitHub Actions runner".
var curatedImages = map[string]string{
	"linux":  curated + "amazonlinux-x86_64-standard:",
	"ubuntu": curated + "standard:",
	"arm":    curated + "amazonlinux-aarch64-standard:",
}

// labelledImage is the image of a label: ENVIRONMENT-VERSION, or custom-ENVIRONMENT-IMAGE.
func labelledImage(value string) (image string, kind cb.EnvironmentType, err error) {
	rest, custom := strings.CutPrefix(value, "custom-")
	of, name, _ := strings.Cut(rest, "-")
	kind = cb.EnvironmentTypeLinuxContainer
	if of == "arm" {
		kind = cb.EnvironmentTypeArmContainer
	}
	own, known := curatedImages[of]
	switch {
	case !known || name == "" || strings.HasPrefix(name, "ec2-") || strings.HasPrefix(name, "lambda-"):
		return "", "", invalid("The label image:%s names no image that Slipway runs jobs in. It is linux-VERSION, "+
			"ubuntu-VERSION or arm-VERSION, or custom-linux-IMAGE.", value)
	case custom:
		return name, kind, nil
	}
	return own + name, kind, nil
}

// size reads the label instance-size.
func (w *runnerWants) size(value string) error {
	sizes := map[string]cb.ComputeType{
		"small": cb.ComputeTypeBuildGeneral1Small, "medium": cb.ComputeTypeBuildGeneral1Medium,
		"large": cb.ComputeTypeBuildGeneral1Large, "xlarge": cb.ComputeTypeBuildGeneral1Xlarge,
		"2xlarge": cb.ComputeTypeBuildGeneral12xlarge, "gpu_small": cb.ComputeTypeBuildGeneral1Small,
		"gpu_large": cb.ComputeTypeBuildGeneral1Large,
	}
	if w.compute = sizes[value]; w.compute == "" {
		return invalid("The label instance-size:%s is no size: small, medium, large, xlarge, 2xlarge, gpu_small or "+
			"gpu_large.", value)
	}
	if strings.HasPrefix(value, "gpu_") {
		w.kind = cb.EnvironmentTypeLinuxGpuContainer
	}
	return nil
}
