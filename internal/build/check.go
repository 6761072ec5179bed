package build

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"sync"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
)

func invalid(format string, args ...any) error {
	return &cb.InvalidInputException{Message: fmt.Sprintf(format, args...)}
}

var variableName = sync.OnceValue(func() func(string) bool {
	return regexp.MustCompile(
		`^[A-Za-z_][A-Za-z0-9_]*$`).MatchString
})
var identifier = sync.OnceValue(func() func(string) bool {
	return regexp.MustCompile(
		`^[A-Za-z0-9_]{1,127}$`).MatchString
})

var roleARN = sync.OnceValue(func() func(string) bool {
	return regexp.MustCompile(
		`^arn:aws[a-z-]*:iam::\d{12}:role/.`).MatchString
})

// check refuses a project that no build could be made of.
func check(p *cb.Project) error {
	if role := awsproto.Value(p.ServiceRole); role != "" && !roleARN()(role) {
		return invalid("Invalid service role: %q is not the ARN of a role (arn:aws:iam::ACCOUNT:role/NAME).", role)
	}
	if err := checkSource(*p.Source, "source"); err != nil {
		return err
	}
	if err := checkSecondarySources(p); err != nil {
		return err
	}
	if (p.Source.Type == cb.SourceTypeCodepipeline) != (p.Artifacts.Type == cb.ArtifactsTypeCodepipeline) {
		return invalid("Invalid artifacts: source and artifacts must both be of type CODEPIPELINE, or neither.")
	}
	if err := checkArtifacts(*p.Artifacts, "artifacts"); err != nil {
		return err
	}
	if err := checkSecondaryArtifacts(p); err != nil {
		return err
	}
	if err := checkCache(p.Cache); err != nil {
		return err
	}
	if err := checkRegistry(p.Environment); err != nil {
		return err
	}
	return checkVariables(p.Environment.EnvironmentVariables)
}

// checkRegistry refuses an account at a registry where none is asked.
// See https://docs.aws.amazon.com/codebuild/latest/APIReference/API_RegistryCredential.html.
func checkRegistry(e *cb.ProjectEnvironment) error {
	switch {
	case e.RegistryCredential == nil:
		return nil
	case e.ImagePullCredentialsType != cb.ImagePullCredentialsTypeServiceRole:
		return invalid("Invalid registryCredential: imagePullCredentialsType must be SERVICE_ROLE with it.")
	case strings.HasPrefix(awsproto.Value(e.Image), curated):
		return invalid("Invalid registryCredential: %s is an image of CodeBuild's own, which needs none.", *e.Image)
	}
	return nil
}

func checkSecondarySources(p *cb.Project) error {
	sources := map[string]bool{}
	for _, s := range p.SecondarySources {
		id := awsproto.Value(s.SourceIdentifier)
		if !identifier()(id) || sources[id] {
			return invalid("Invalid secondary source: sourceIdentifier %q must be given once, with letters, digits "+
				"and underscores only.", id)
		}
		sources[id] = true
		if err := checkSource(s, "secondary source "+id); err != nil {
			return err
		}
		if s.Type == cb.SourceTypeCodepipeline || s.Type == cb.SourceTypeNoSource {
			return invalid("Invalid secondary source %s: it cannot be of type %s.", id, s.Type)
		}
	}
	for _, v := range p.SecondarySourceVersions {
		if id := awsproto.Value(v.SourceIdentifier); !sources[id] {
			return invalid("Invalid secondary source version: there is no secondary source %q.", id)
		}
	}
	return nil
}

func checkSecondaryArtifacts(p *cb.Project) error {
	artifacts := map[string]bool{}
	for _, a := range p.SecondaryArtifacts {
		id := awsproto.Value(a.ArtifactIdentifier)
		if !identifier()(id) || artifacts[id] {
			return invalid(
				"Invalid secondary artifact: artifactIdentifier %q must be given once, with letters, digits "+
					"and underscores only.", id)
		}
		artifacts[id] = true
		if err := checkArtifacts(a, "secondary artifact "+id); err != nil {
			return err
		}
		if a.Type != cb.ArtifactsTypeS3 {
			return invalid("Invalid secondary artifact %s: its type must be S3.", id)
		}
	}
	return nil
}

func checkVariables(vs []cb.EnvironmentVariable) error {
	seen := map[string]bool{}
	for _, v := range vs {
		name := awsproto.Value(v.Name)
		switch {
		case !variableName()(name):
			return invalid("Invalid environment variable name %q: it must match [A-Za-z_][A-Za-z0-9_]*.", name)
		case strings.HasPrefix(name, "CODEBUILD_"):
			return invalid(
				"Invalid environment variable name %q: names that begin with CODEBUILD_ are reserved for CodeBuild's "+
					"own variables.", name)
		case seen[name]:
			return invalid("Duplicate environment variable %s.", name)
		case strings.ContainsRune(awsproto.Value(v.Value), 0):
			return invalid("The value of the environment variable %s holds a NUL byte.", name)
		}
		seen[name] = true
	}
	return nil
}

func checkSource(s cb.ProjectSource, what string) error {
	if err := checkAuth(s, what); err != nil {
		return err
	}
	location := awsproto.Value(s.Location)
	switch s.Type {
	case cb.SourceTypeNoSource:
		if !inline(awsproto.Value(s.Buildspec)) && !strings.HasPrefix(awsproto.Value(s.Buildspec), "arn:") {
			return invalid("Invalid project %s: type NO_SOURCE needs an inline buildspec.", what)
		}
		return nil
	case cb.SourceTypeCodepipeline:
		return nil
	case cb.SourceTypeS3:
		if bucket, key := bucketAndKey(location); bucket == "" || key == "" {
			return invalid(
				"Invalid project %s: the location of an S3 source is BUCKET/KEY.zip or BUCKET/FOLDER/, not %q.", what,
				location)
		}
		return nil
	case cb.SourceTypeCodecommit:
		if repositoryName(location) == "" {
			return invalid(
				"Invalid project %s: the location of a CODECOMMIT source is a clone URL (…/v1/repos/NAME), or a "+
					"repository's name, not %q.", what, location)
		}
		return nil
	case "":
		return invalid("Invalid project %s: type is required.", what)
	}
	return checkGitURL(s.Type, location, what)
}

// checkGitURL refuses what is no address of a repository elsewhere.
func checkGitURL(t cb.SourceType, location, what string) error {
	u, err := url.Parse(location)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "ssh" {
		return invalid("Invalid project %s: the location of a %s source is a Git URL with https, http or ssh, not %q.",
			what, t, location)
	}
	if secretUser(t, u) {
		return invalid(
			"Invalid project %s: take the user name, token or password out of its location; a location is shown to "+
				"everybody who may see the project.", what)
	}
	return nil
}

// longestName is how long a user name at Bitbucket may be; what is longer is a token.
const longestName = 30

// secretUser tells whether what stands before the host of a Git URL may open something: a password, or a token in the
// place of a name. The clone URLs that Bitbucket shows begin with the reader's name.
func secretUser(t cb.SourceType, u *url.URL) bool {
	if _, set := u.User.Password(); set {
		return true
	}
	if u.User == nil || u.Scheme == "ssh" {
		return false
	}
	return t != cb.SourceTypeBitbucket || len(u.User.Username()) > longestName
}

func checkArtifacts(a cb.ProjectArtifacts, what string) error {
	switch a.Type {
	case cb.ArtifactsTypeS3:
		if awsproto.Value(a.Location) == "" {
			return invalid("Invalid %s: type S3 needs a location, which is the name of a bucket.", what)
		}
	case "":
		return invalid("Invalid %s: type is required.", what)
	}
	return nil
}
