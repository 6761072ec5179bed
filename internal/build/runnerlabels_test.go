package build

import (
	"strings"
	"testing"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
)

func TestLabelsOfJobs(t *testing.T) {
	t.Parallel()
	const own = "codebuild-My-App-4711-1"
	for name, c := range map[string]struct {
		labels []string
		want   runnerWants
		ours   bool
		err    string
	}{
		"of nobody":       {labels: []string{"ubuntu-latest"}},
		"of another":      {labels: []string{"codebuild-My-App-two-4711-1"}},
		"without a run":   {labels: []string{"codebuild-My-App"}},
		"alone":           {labels: []string{own, "mine", "os:linux"}, ours: true},
		"in another case": {labels: []string{"codebuild-my-app-1-2"}, ours: true},
		"words in one": {labels: []string{own + " image:ubuntu-7.0 instance-size:2xlarge"}, ours: true, want: runnerWants{
			image: "aws/codebuild/standard:7.0", kind: cb.EnvironmentTypeLinuxContainer,
			compute: cb.ComputeTypeBuildGeneral12xlarge}},
		"all": {labels: []string{own, "image:arm-3.0", "fleet:fast", "buildspec-override:true"}, ours: true,
			want: runnerWants{image: "aws/codebuild/amazonlinux-aarch64-standard:3.0",
				kind: cb.EnvironmentTypeArmContainer, fleet: "fast", buildspec: true}},
		"an image of one's own": {labels: []string{own, "image:custom-linux-registry:5000/a/b:1"}, ours: true,
			want: runnerWants{image: "registry:5000/a/b:1", kind: cb.EnvironmentTypeLinuxContainer}},
		"no override":   {labels: []string{own, "buildspec-override:false"}, ours: true},
		"Lambda":        {labels: []string{own, "image:linux-lambda-go1.21"}, ours: true, err: "linux-lambda-go1.21"},
		"no such image": {labels: []string{own, "image:macos-1"}, ours: true, err: "macos-1"},
		"no such size":  {labels: []string{own, "instance-size:tiny"}, ours: true, err: "tiny"},
		"a GPU": {labels: []string{own, "instance-size:gpu_small"}, ours: true, want: runnerWants{
			kind: cb.EnvironmentTypeLinuxGpuContainer, compute: cb.ComputeTypeBuildGeneral1Small}},
	} {
		got, ours, err := readLabels(c.labels, "My-App")
		if ours != c.ours || (err != nil) != (c.err != "") || err == nil && got != c.want ||
			err != nil && !strings.Contains(awsproto.Message(err), c.err) {
			t.Errorf("%s: %+v, %t, %v; want %+v, %t, %s", name, got, ours, err, c.want, c.ours, c.err)
		}
	}
}
