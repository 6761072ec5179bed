package pipelinefile

import (
	"encoding/json"
	"fmt"
	"strings"

	"slipway/api/codebuild"
	"slipway/spec/yamlfile"
)

// EnvironmentVariables reads the configuration value EnvironmentVariables of a CodeBuild action: a JSON array of
// objects with name, value and type ("Reference: CodeBuild" in the CodePipeline user guide).
func EnvironmentVariables(text string) ([]codebuild.EnvironmentVariable, error) {
	var all []codebuild.EnvironmentVariable
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		return nil, fmt.Errorf("must be a JSON array of objects with name, value and type: %w", err)
	}
	for i, v := range all {
		if v.Name == nil || *v.Name == "" || v.Value == nil {
			return nil, fmt.Errorf("variable %d must have a name and a value", i+1)
		}
		if strings.HasPrefix(*v.Name, "CODEBUILD_") {
			return nil, fmt.Errorf(
				"variable %s: names that begin with CODEBUILD_ are reserved for CodeBuild's own variables", *v.Name)
		}
		switch v.Type {
		case "", codebuild.EnvironmentVariableTypePlaintext, codebuild.EnvironmentVariableTypeParameterStore,
			codebuild.EnvironmentVariableTypeSecretsManager:
		default:
			return nil, fmt.Errorf(
				"variable %s has the type %q; PLAINTEXT, PARAMETER_STORE and SECRETS_MANAGER are known", *v.Name,
				v.Type)
		}
	}
	return all, nil
}

// nearest suggests the known key that is most like an unknown one. It is "" if none is like it.
func nearest(key string, known []Key) string {
	names := make([]string, len(known))
	for i, k := range known {
		names[i] = k.Name
	}
	best := yamlfile.Closest(key, names)
	if best == "" {
		return ""
	}
	return "; did you mean '" + best + "'?"
}
