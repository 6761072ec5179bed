package e2e

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
)

// withSecrets is a build that has a parameter, a member of a secret and a variable of the project.
const withSecrets = `version: 0.2
env:
  parameter-store: {TOKEN: /CodeBuild/token}
  secrets-manager: {PASSWORD: "/CodeBuild/db:password"}
phases:
  build:
    commands:
      - '[ "${#TOKEN} ${#PASSWORD} ${#AGAIN}" = "11 14 11" ] && [ "$TOKEN" != "$AGAIN" ]'
      - echo "token=$TOKEN password=$PASSWORD again=$AGAIN"
      - 'printf "%s" "$PASSWORD" | base64'
      - echo "$(printf "%s" "$TOKEN" | cut -c1-5)…$(printf "%s" "$TOKEN" | wc -c)"
`

// What the aws CLI keeps in the Parameter Store and in Secrets Manager a build gets, and nobody reads in its log or on
// the disk. Another name than those of the role's policy ends the build with the reason.
func TestSecretsOfBuilds(t *testing.T) {
	t.Parallel()
	i := up(t)
	ok := func(args string) {
		t.Helper()
		i.aws(strings.Fields(args)...)
	}
	ok("ssm put-parameter --name /CodeBuild/token --type SecureString --value tok-4711-en")
	ok("ssm put-parameter --name /CodeBuild/token --overwrite --value tok-4712-en")
	ok("ssm put-parameter --name /other/token --type String --value tok-4713-en")
	ok(`secretsmanager create-secret --name /CodeBuild/db --secret-string {"password":"pass-0815-word"}`)
	got := i.aws("ssm", "get-parameters-by-path", "--path", "/CodeBuild", "--with-decryption", "--query",
		"Parameters[].Value", "--output", "text")
	has(t, got, "tok-4712-en")
	c := i.inline("secrets", withSecrets, func(in *codebuild.CreateProjectInput) {
		in.Environment.EnvironmentVariables = []types.EnvironmentVariable{{Name: new("AGAIN"),
			Value: new("/CodeBuild/token:1"), Type: types.EnvironmentVariableTypeParameterStore}}
	})
	b := i.ended(*must(c.StartBuild(t.Context(), &codebuild.StartBuildInput{ProjectName: new("secrets")}))(t).Build.Id)
	log := i.printed(*b.Id)
	if b.BuildStatus != types.StatusTypeSucceeded {
		t.Fatalf("%s\n%s", b.BuildStatus, tail(log, 40))
	}
	has(t, log, "token=*** password=*** again=***\n", "\n***\n", "tok-4…11\n")
	if v := b.Environment.EnvironmentVariables[0]; *v.Value != "/CodeBuild/token:1" {
		t.Errorf("the build shows %q", *v.Value)
	}
	i.nowhere("tok-471", "pass-0815")

	b = i.ended(*must(c.StartBuild(t.Context(), &codebuild.StartBuildInput{ProjectName: new("secrets"),
		EnvironmentVariablesOverride: []types.EnvironmentVariable{{Name: new("AGAIN"), Value: new("/other/token"),
			Type: types.EnvironmentVariableTypeParameterStore}}}))(t).Build.Id)
	has(t, i.printed(*b.Id), "Phase complete: DOWNLOAD_SOURCE State: FAILED",
		"Phase context status code: Decrypted Variables Error Message: AccessDeniedException: User: arn:aws:sts::",
		"is not authorized to perform: ssm:GetParameters on resource: arn:aws:ssm:"+region+":"+account+
			":parameter/other/token")
}

// nowhere fails if a file below the data folder has one of some words.
func (i *instance) nowhere(words ...string) {
	i.t.Helper()
	files := 0
	err := filepath.WalkDir(i.data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil // it is gone by now, or holds nothing
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return nil
		}
		files++
		for _, w := range words {
			if bytes.Contains(text, []byte(w)) {
				i.t.Errorf("%s has %q", path, w)
			}
		}
		return nil
	})
	if err != nil || files < 5 {
		i.t.Errorf("only %d files were read, %v", files, err)
	}
}
