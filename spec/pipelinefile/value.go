package pipelinefile

import (
	"regexp"
	"slices"
	"strings"
	"sync"

	"slipway/api/awsproto"
	cp "slipway/api/codepipeline"
)

var repositoryName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[\w.-]{1,100}$`) })

// known reports whether a configuration value can be checked: it is there, and no variable decides it later.
func known(value string) bool { return value != "" && len(Variables(value)) == 0 }

func checkCodeCommit(a *cp.ActionDeclaration, report Report) {
	if name := a.Configuration["RepositoryName"]; known(name) && !repositoryName().MatchString(name) {
		report("RepositoryName", "%q in action '%s' is no name of a repository", name, awsproto.Value(a.Name))
	}
}

func checkCodeBuild(a *cp.ActionDeclaration, report Report) {
	name, primary := awsproto.Value(a.Name), a.Configuration["PrimarySource"]
	switch {
	case primary == "" && len(a.InputArtifacts) > 1:
		report("", "Action configuration for action '%s' is missing required configuration 'PrimarySource': "+
			"it is needed with several input artifacts", name)
	case known(primary) && !takes(a, primary):
		report("PrimarySource",
			"The value of 'PrimarySource' in action '%s', %q, is not the name of one of its input artifacts",
			name, primary)
	}
	if v, ok := a.Configuration["EnvironmentVariables"]; ok {
		if _, err := EnvironmentVariables(v); err != nil {
			report("EnvironmentVariables", "The value of 'EnvironmentVariables' in action '%s': %v", name, err)
		}
	}
}

// takes reports whether an action has an input artifact.
func takes(a *cp.ActionDeclaration, artifact string) bool {
	return slices.ContainsFunc(
		a.InputArtifacts, func(in cp.InputArtifact) bool { return awsproto.Value(in.Name) == artifact })
}

func checkS3Deploy(a *cp.ActionDeclaration, report Report) {
	if strings.EqualFold(a.Configuration["Extract"], "false") && a.Configuration["ObjectKey"] == "" {
		report("", "Action configuration for action '%s' is missing required configuration 'ObjectKey': "+
			"it is needed when Extract is false", awsproto.Value(a.Name))
	}
}
