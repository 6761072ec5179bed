package runner

import (
	"slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/runner/room"
)

// gigabyte is what CodeBuild means by GB of memory.
const gigabyte = 1 << 30

// machines are the memory, in GB, and the processors of CodeBuild's compute types for Linux. Of a machine that has less
// a build gets what there is. See AWS's page "Build environment compute modes and types".
var machines = map[codebuild.ComputeType]struct {
	memory int64
	cpus   int
}{
	codebuild.ComputeTypeBuildGeneral1Small:   {4, 2},
	codebuild.ComputeTypeBuildGeneral1Medium:  {8, 4},
	codebuild.ComputeTypeBuildGeneral1Large:   {16, 8},
	codebuild.ComputeTypeBuildGeneral1Xlarge:  {72, 36},
	codebuild.ComputeTypeBuildGeneral12xlarge: {144, 72},
}

// roomOf is the room that a build wants.
func roomOf(o slipway.Order) room.Spec {
	s := room.Spec{Limits: limits, Image: o.Image, Privileged: o.Privileged}
	e := o.Build.Environment
	if s.Image == "" || e == nil {
		return s
	}
	if m, ok := machines[e.ComputeType]; ok {
		s.Limits.Memory, s.Limits.CPUs = m.memory*gigabyte, m.cpus
	}
	if c := e.ComputeConfiguration; c != nil && e.ComputeType == codebuild.ComputeTypeAttributeBasedCompute {
		s.Limits.Memory, s.Limits.CPUs = value(c.Memory)*gigabyte, int(value(c.VCpu))
	}
	return s
}

// Processors are those of an environment's compute type, 0 if that says nothing.
func Processors(e *codebuild.ProjectEnvironment) int {
	return roomOf(slipway.Order{Image: "any", Build: codebuild.Build{Environment: e}}).Limits.CPUs
}
