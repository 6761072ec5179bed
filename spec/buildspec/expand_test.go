package buildspec_test

import (
	"fmt"
	"strings"
	"testing"

	"slipway/spec/buildspec"
)

func TestBatchBuilds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ batch, want string }{
		"list": {"build-list: [{identifier: build1}, {ignore-failure: true}, {identifier: c, buildspec: c.yml}]",
			"build1/ build2/ignored c/c.yml"},
		"graph": {"build-graph: [{identifier: a}, {identifier: b, depend-on: [a]}]", "a/ b/<a"},
		"matrix": {"build-matrix: {static: {env: {privileged-mode: true, variables: {A: x, S: s}}}, dynamic: {" +
			"buildspec: [m1.yml, m2.yml], env: {variables: {A: [1, 2], B: [3]}}}}",
			"build1/m1.yml,S=s,A=1,B=3 build2/m1.yml,S=s,A=2,B=3 build3/m2.yml,S=s,A=1,B=3 build4/m2.yml,S=s,A=2,B=3"},
		"fanout": {"build-fanout: {parallelism: 3, ignore-failure: true}", "build1/ignored,SLIPWAY_SHARD=0,SLIPWAY_SHARDS=3 build2/ignored,SLIPWAY_SHARD=1,SLIPWAY_SHARDS=3 " +
			"build3/ignored,SLIPWAY_SHARD=2,SLIPWAY_SHARDS=3"},
		"wide fanout": {"build-fanout: {parallelism: 101}", "the batch has 101 builds; there may be 100"},
		"wide matrix": {"build-matrix: {dynamic: {env: {variables: {A: [" + strings.Repeat("1,", 11) + "], B: [" +
			strings.Repeat("1,", 10) + "]}}}}", "the batch has more than 100 builds; there may be 100"},
	} {
		s, _, err := buildspec.Validate("buildspec.yml", []byte("version: 0.2\nbatch: {"+c.batch+
			"}\nphases: {build: {commands: ['true']}}\n"))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := ""
		builds, err := s.Batch.Builds()
		if err != nil {
			got = err.Error()
		}
		var all []string
		for _, b := range builds {
			text := b.Identifier + "/" + b.Buildspec
			if b.IgnoreFailure {
				text += "ignored"
			}
			for _, v := range b.Env.Variables {
				text += fmt.Sprintf(",%s=%s", v.Name, v.Value)
			}
			for _, d := range b.DependOn {
				text += "<" + d
			}
			all = append(all, text)
		}
		if got += strings.Join(all, " "); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
