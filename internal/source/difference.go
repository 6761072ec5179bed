package source

import (
	"context"
	"strings"

	cc "slipway/api/codecommit"
)

const (
	emptyTree         = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
	differencesAPage  = 400
	maxDifferencesAll = 1000
)

// GetDifferences implements codecommit:GetDifferences: changes are A, M or D, never renames; without a commit before,
// all is A.
func (s *Service) GetDifferences(ctx context.Context, in *cc.GetDifferencesInput) (*cc.GetDifferencesOutput, error) {
	r, err := s.open(ctx, *in.RepositoryName)
	if err != nil {
		return nil, err
	}
	after, err := r.commit(ctx, in.AfterCommitSpecifier)
	if err != nil {
		return nil, err
	}
	before := emptyTree
	if in.BeforeCommitSpecifier != nil {
		if before, err = r.commit(ctx, in.BeforeCommitSpecifier); err != nil {
			return nil, err
		}
	}
	limit := differencesAPage
	if in.MaxResults != nil {
		if limit = int(*in.MaxResults); limit < 1 || limit > maxDifferencesAll {
			return nil, &cc.InvalidMaxResultsException{Message: "MaxResults must be from 1 to 1000."}
		}
	}
	filter := []*string{in.RepositoryName, &before, &after, in.BeforePath, in.AfterPath}
	from := 0
	if !s.Pager.Place("GetDifferences", filter, in.NextToken, &from) {
		return nil, &cc.InvalidContinuationTokenException{Message: "The continuation token is not valid."}
	}
	args := []string{"diff-tree", "-r", "-z", "--no-renames", before, after, "--"}
	for _, p := range []*string{in.BeforePath, in.AfterPath} {
		if p == nil {
			continue
		}
		clean, ok := cleanPath(*p)
		if !ok {
			return nil, &cc.InvalidPathException{Message: *p + " is no path in a repository."}
		}
		args = append(args, ":(literal)"+clean)
	}
	out, err := r.run(ctx, nil, args...)
	if err != nil {
		return nil, err
	}
	all := parseDifferences(string(out))
	page := &cc.GetDifferencesOutput{Differences: all[min(from, len(all)):min(from+limit, len(all))]}
	if from+limit < len(all) {
		page.NextToken = s.Pager.Token("GetDifferences", filter, from+limit)
	}
	return page, nil
}

// parseDifferences reads ":100644 100644 OLD NEW M\0path\0" of diff-tree -z.
func parseDifferences(text string) []cc.Difference {
	fields := strings.Split(text, "\x00")
	all := []cc.Difference{}
	for i := 0; i+1 < len(fields); i += 2 {
		f := strings.Fields(strings.TrimPrefix(fields[i], ":"))
		if len(f) != 5 {
			continue
		}
		name := fields[i+1]
		d := cc.Difference{ChangeType: cc.ChangeTypeEnum(f[4][:1])}
		if d.ChangeType == "T" { // a file that became a link, say
			d.ChangeType = cc.ChangeTypeEnumM
		}
		if d.ChangeType != cc.ChangeTypeEnumA {
			d.BeforeBlob = &cc.BlobMetadata{BlobId: &f[2], Path: &name, Mode: &f[0]}
		}
		if d.ChangeType != cc.ChangeTypeEnumD {
			d.AfterBlob = &cc.BlobMetadata{BlobId: &f[3], Path: &name, Mode: &f[1]}
		}
		all = append(all, d)
	}
	return all
}
