package view

import (
	"context"
	"slices"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/codebuild"
	"slipway/api/slipway"
)

// Builds is what is asked of the Build stage.
type Builds interface {
	Facts
	// Green returns a build, and the last one before it that succeeded; nil if there is none.
	Green(ctx context.Context, id string) (build, green *slipway.PastBuild, err error)
}

const (
	commitsShown = 20
	filesShown   = 20
	// commitsWalked is how far back commits are looked at for the one that was green.
	commitsWalked = 100
)

// CompareWithGreen implements slipway:CompareWithGreen: what changed between the last build that succeeded
// before a build, and the build: commits, files, the image and other settings, the environment. Without such a
// build, or with nothing known of its source, those members are empty.
func (s *Service) CompareWithGreen(
	ctx context.Context,
	in *slipway.CompareWithGreenInput,
) (*slipway.CompareWithGreenOutput, error) {
	build, green, err := s.Builds.Green(ctx, *in.Id)
	out := &slipway.CompareWithGreenOutput{
		Commits:  []slipway.Change{},
		Files:    []slipway.ChangedFile{},
		Settings: []slipway.ChangedSetting{},
	}
	if err != nil || green == nil {
		return out, err
	}
	out.GreenBuildId, out.GreenBuildNumber, out.GreenTime, out.Settings = green.Id, green.BuildNumber, green.EndTime,
		settings(
			green,
			build,
		)
	changes, err := s.changes(ctx, []string{*build.Id})
	if err != nil {
		return nil, err
	}
	out.RepositoryName = changes[*build.Id].RepositoryName
	out.BeforeCommitId, out.AfterCommitId = given(
		text(green.ResolvedSourceVersion),
	), given(
		text(build.ResolvedSourceVersion),
	)
	if out.RepositoryName == nil || out.BeforeCommitId == nil || out.AfterCommitId == nil ||
		*out.BeforeCommitId == *out.AfterCommitId {
		return out, nil
	}
	err = s.between(ctx, out)
	switch awsproto.Code(err) {
	case "RepositoryDoesNotExistException", "CommitDoesNotExistException", "CommitIdDoesNotExistException":
		return out, nil // it was deleted, or a push took it away
	}
	return out, err
}

// between reads the commits and the files between the two commits.
func (s *Service) between(ctx context.Context, out *slipway.CompareWithGreenOutput) error {
	log, err := s.Commits.ListCommits(
		ctx,
		&slipway.ListCommitsInput{
			RepositoryName:  out.RepositoryName,
			CommitSpecifier: out.AfterCommitId,
			MaxResults:      new(int32(commitsWalked)),
		},
	)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(
		log.Commits,
		func(c slipway.CommitSummary) bool { return text(c.CommitId) == *out.BeforeCommitId },
	)
	if at < 0 { // it is further back, or on another branch
		at = min(len(log.Commits), 1)
		out.MoreCommits = new(true)
	}
	for _, c := range log.Commits[:min(at, commitsShown)] {
		out.Commits = append(
			out.Commits,
			slipway.Change{
				RepositoryName: out.RepositoryName,
				CommitId:       c.CommitId,
				Subject:        given(FirstLine(text(c.Message))),
				Author:         c.AuthorName,
			},
		)
	}
	if at > commitsShown {
		out.MoreCommits = new(true)
	}
	diff, err := s.Commits.GetDiff(
		ctx,
		&slipway.GetDiffInput{
			RepositoryName:        out.RepositoryName,
			BeforeCommitSpecifier: out.BeforeCommitId,
			AfterCommitSpecifier:  out.AfterCommitId,
			MaxLines:              new(int32(0)),
		},
	)
	if err != nil {
		return err
	}
	out.TotalFiles = diff.TotalFiles
	for _, f := range diff.Files[:min(len(diff.Files), filesShown)] {
		out.Files = append(
			out.Files,
			slipway.ChangedFile{Path: f.Path, AddedLines: f.AddedLines, RemovedLines: f.RemovedLines},
		)
	}
	return nil
}

// settings are what differs between the environments of two builds. Of a secret or a parameter it is the reference, as
// BatchGetBuilds shows it.
func settings(before, after *slipway.PastBuild) []slipway.ChangedSetting {
	all := []slipway.ChangedSetting{}
	add := func(name, was, is string) {
		if was != is {
			all = append(all, slipway.ChangedSetting{Name: &name, Before: &was, After: &is})
		}
	}
	old, now := environment(&before.Build), environment(&after.Build)
	add("image", text(old.Image), text(now.Image))
	add("compute type", string(old.ComputeType), string(now.ComputeType))
	add("buildspec", buildspec(&before.Build), buildspec(&after.Build))
	if before.Image != "" && after.Image != "" { // a name can stand for another image every day
		add("image digest", digest(before.Image), digest(after.Image))
	}
	add("cache", restored(before), restored(after))
	was, is := variables(old), variables(now)
	var names []string
	for name := range was {
		names = append(names, name)
	}
	for name := range is {
		if _, ok := was[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		add("variable "+name, was[name], is[name])
	}
	return all
}

func digest(image string) string {
	_, d, _ := strings.Cut(image, "@")
	return d
}

// restored says which caches a build began with.
func restored(b *slipway.PastBuild) string {
	if len(b.Caches) == 0 {
		return "none"
	}
	return strings.Join(b.Caches, ", ")
}

func environment(b *codebuild.Build) *codebuild.ProjectEnvironment {
	if b.Environment == nil {
		return &codebuild.ProjectEnvironment{}
	}
	return b.Environment
}

func buildspec(b *codebuild.Build) string {
	if b.Source == nil {
		return ""
	}
	return clip(FirstLine(text(b.Source.Buildspec)))
}

func variables(e *codebuild.ProjectEnvironment) map[string]string {
	all := map[string]string{}
	for _, v := range e.EnvironmentVariables {
		all[text(v.Name)] = text(v.Value)
	}
	return all
}
