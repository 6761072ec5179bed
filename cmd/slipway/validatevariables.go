package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"slipway/api/codepipeline"
	"slipway/spec/buildspec"
	"slipway/spec/pipelinefile"
)

// unexported warns of variables of builds that are not exported by any buildspec beside the pipeline's file, because an
// action that uses one would fail. Without a buildspec beside the file there are no warnings.
func unexported(file string, text []byte, d *codepipeline.PipelineDeclaration) (warnings []string) {
	exported, found := exportsBeside(file)
	if !found {
		return nil
	}
	types, ofBuilds := pipelinefile.AWS(), map[string]bool{}
	for _, stage := range d.Stages {
		for _, a := range stage.Actions {
			if t := types.Find(a.ActionTypeId); t != nil && t.BuildVariables && a.Namespace != nil {
				ofBuilds[*a.Namespace] = true
			}
		}
	}
	for i := range d.Stages {
		for j := range d.Stages[i].Actions {
			for key, value := range d.Stages[i].Actions[j].Configuration {
				for _, v := range pipelinefile.Variables(value) {
					if !ofBuilds[v[0]] || slices.Contains(exported, v[1]) {
						continue
					}
					at := pipelinefile.Locate(file, text, i, j, key)
					warnings = append(
						warnings,
						fmt.Sprintf(
							"%s:%d:%d: warning: #{%s.%s}: no buildspec in this folder has %s in env.exported-variables",
							file,
							at.Line,
							at.Column,
							v[0],
							v[1],
							v[1],
						),
					)
				}
			}
		}
	}
	slices.Sort(warnings)
	return slices.Compact(warnings)
}

// exportsBeside returns the variables that the buildspecs in a file's folder export. It returns false if there is no
// buildspec.
func exportsBeside(file string) (exported []string, found bool) {
	files, _ := filepath.Glob(filepath.Join(filepath.Dir(file), "*buildspec*.y*ml"))
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		if s, err := buildspec.Parse(name, text); err == nil {
			found = true
			exported = append(exported, s.Env.Exported...)
		}
	}
	return exported, found
}
