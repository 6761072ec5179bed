package runner

import (
	"testing"

	"slipway/api/codebuild"
	"slipway/api/slipway"
)

func TestRoomsByComputeType(t *testing.T) {
	for name, c := range map[string]struct {
		image  string
		of     codebuild.ProjectEnvironment
		memory int64
		cpus   int
	}{
		"small":    {"debian:12", codebuild.ProjectEnvironment{ComputeType: "BUILD_GENERAL1_SMALL"}, 4, 2},
		"large":    {"debian:12", codebuild.ProjectEnvironment{ComputeType: "BUILD_GENERAL1_LARGE"}, 16, 8},
		"no image": {"", codebuild.ProjectEnvironment{ComputeType: "BUILD_GENERAL1_SMALL"}, 0, 0},
		"another":  {"debian:12", codebuild.ProjectEnvironment{ComputeType: "BUILD_LAMBDA_1GB"}, 0, 0},
		"attributes": {"debian:12", codebuild.ProjectEnvironment{ComputeType: "ATTRIBUTE_BASED_COMPUTE",
			ComputeConfiguration: &codebuild.ComputeConfiguration{Memory: new(int64(6)), VCpu: new(int64(3))}}, 6, 3},
	} {
		o := slipway.Order{Image: c.image}
		o.Build.Environment = &c.of
		l := roomOf(o).Limits
		if l.Memory != c.memory<<30 || l.CPUs != c.cpus || l.MemoryPercent != limits.MemoryPercent {
			t.Errorf("%s: %+v", name, l)
		}
	}
}
