package build

import (
	"net/url"
	"path"
	"strings"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/api/slipway"
)

// inline tells whether a buildspec is its text rather than a path or an ARN.
func inline(buildspec string) bool {
	start := strings.TrimSpace(buildspec)
	return strings.Contains(buildspec, "\n") || strings.HasPrefix(start, "{") || strings.HasPrefix(start, "version:")
}

// bucketAndKey reads BUCKET/KEY, or an object's ARN.
func bucketAndKey(location string) (bucket, key string) {
	bucket, key, _ = strings.Cut(strings.TrimPrefix(location, "arn:aws:s3:::"), "/")
	return bucket, key
}

// repositoryName reads the name of a repository of this server out of its clone URL, whichever of the server's names
// the URL has, or the name alone; "" if it is none.
func repositoryName(location string) string {
	name := location
	if u, err := url.Parse(location); err == nil && u.Scheme != "" {
		var ok bool
		if name, ok = strings.CutPrefix(u.Path, "/v1/repos/"); !ok || u.Scheme != "http" && u.Scheme != "https" {
			return ""
		}
	}
	name = strings.TrimSuffix(name, ".git")
	if name == "" || len(name) > 100 ||
		strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") != "" {
		return ""
	}
	return name
}

// fetch says how the runner gets a source.
func (s *Service) fetch(p cb.ProjectSource, version string) slipway.Source {
	f := slipway.Source{Identifier: awsproto.Value(p.SourceIdentifier), Version: version}
	switch p.Type {
	case cb.SourceTypeNoSource:
		f.Kind, f.Version = slipway.SourceNone, ""
	case cb.SourceTypeS3:
		f.Bucket, f.Key = bucketAndKey(awsproto.Value(p.Location))
		f.Kind = slipway.SourceZip
		if strings.HasSuffix(f.Key, "/") {
			f.Kind = slipway.SourceDir
		}
	case cb.SourceTypeCodecommit:
		f.Kind, f.Here = slipway.SourceGit, true
		f.URL = s.URL + "/v1/repos/" + repositoryName(awsproto.Value(p.Location))
	default:
		f.Kind, f.URL, f.Version = slipway.SourceGit, awsproto.Value(p.Location), pullRequest(p.Type, version)
	}
	if f.Kind == slipway.SourceGit {
		f.Depth = awsproto.Value(p.GitCloneDepth)
		f.Submodules = p.GitSubmodulesConfig != nil && awsproto.Value(p.GitSubmodulesConfig.FetchSubmodules)
	}
	return f
}

// pullRequest turns the version pr/N into the ref by which its forge publishes it.
func pullRequest(t cb.SourceType, version string) string {
	n, ok := strings.CutPrefix(version, "pr/")
	switch {
	case !ok:
	case t == cb.SourceTypeGithub || t == cb.SourceTypeGithubEnterprise:
		return "refs/pull/" + n + "/head"
	case t == cb.SourceTypeGitlab || t == cb.SourceTypeGitlabSelfManaged:
		return "refs/merge-requests/" + n + "/head"
	}
	return version
}

// output says where an artifact goes; ok is false for NO_ARTIFACTS.
func output(a cb.ProjectArtifacts) (o slipway.Output, ok bool) {
	if a.Type != cb.ArtifactsTypeS3 {
		return o, false
	}
	bucket, _ := bucketAndKey(awsproto.Value(a.Location))
	return slipway.Output{Identifier: awsproto.Value(a.ArtifactIdentifier), Bucket: bucket,
		Path:      strings.Trim(awsproto.Value(a.Path), "/"),
		Namespace: a.NamespaceType == cb.ArtifactNamespaceBuildId,
		Name:      awsproto.Value(a.Name), OverrideName: awsproto.Value(a.OverrideArtifactName),
		Zip: a.Packaging == cb.ArtifactPackagingZip}, true
}

// expected is what BatchGetBuilds shows of an artifact before it is uploaded.
func expected(a cb.ProjectArtifacts, project, id string) cb.BuildArtifacts {
	b := cb.BuildArtifacts{
		ArtifactIdentifier:   a.ArtifactIdentifier,
		OverrideArtifactName: a.OverrideArtifactName,
		EncryptionDisabled:   a.EncryptionDisabled,
		BucketOwnerAccess:    a.BucketOwnerAccess,
	}
	if o, ok := output(a); ok {
		name := o.Name
		if name == "" {
			name = project
		}
		if !o.Namespace {
			id = ""
		}
		b.Location = new("arn:aws:s3:::" + path.Join(o.Bucket, o.Path, id, name))
	} else {
		b.Location = new("")
	}
	return b
}
