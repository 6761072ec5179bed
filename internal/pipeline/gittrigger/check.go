package gittrigger

import (
	"fmt"

	cp "slipway/api/codepipeline"
)

// Problem names the first glob of a definition's triggers that nothing can match as it was meant; "" for none.
func Problem(d *cp.PipelineDeclaration) string {
	var all []string
	for _, t := range d.Triggers {
		g := t.GitConfiguration
		if g == nil {
			continue
		}
		for _, f := range g.Push {
			if f.Tags != nil {
				all = append(append(all, f.Tags.Includes...), f.Tags.Excludes...)
			}
			all = append(all, globsOf(f.Branches, f.FilePaths)...)
		}
		for _, f := range g.PullRequest {
			all = append(all, globsOf(f.Branches, f.FilePaths)...)
		}
	}
	for _, glob := range all {
		if err := Check(glob); err != nil {
			return fmt.Sprintf("The pattern %q of a trigger is no glob: %v", glob, err)
		}
	}
	return ""
}

func globsOf(b *cp.GitBranchFilterCriteria, f *cp.GitFilePathFilterCriteria) (all []string) {
	if b != nil {
		all = append(append(all, b.Includes...), b.Excludes...)
	}
	if f != nil {
		all = append(append(all, f.Includes...), f.Excludes...)
	}
	return all
}
