package report

import (
	"context"
	"strings"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/api/slipway"
)

// checkExport returns an error if a group cannot be exported as its configuration says.
func (s *Service) checkExport(c *cb.ReportExportConfig) error {
	if c == nil || c.ExportConfigType != cb.ReportExportConfigTypeS3 {
		return nil
	}
	d := c.S3Destination
	if d == nil || awsproto.Value(d.Bucket) == "" {
		return invalid("exportConfigType is S3, and s3Destination names no bucket.")
	}
	if owner := awsproto.Value(d.BucketOwner); owner != "" && owner != s.Account {
		return invalid("The bucket's owner %s is another account than this one, %s.", owner, s.Account)
	}
	return nil
}

// Exports returns where the files of a project's reports go, for those whose groups are exported. Reports are named as
// in a buildspec: by a name, or by the ARN of their group.
func (s *Service) Exports(ctx context.Context, project string, reports []string) ([]slipway.ReportExport, error) {
	all := []slipway.ReportExport{}
	for _, name := range reports {
		g, err := group(ctx, s.db, s.groupARN(project, name))
		if err != nil {
			return nil, err
		}
		if g == nil || g.ExportConfig == nil || g.ExportConfig.ExportConfigType != cb.ReportExportConfigTypeS3 {
			continue
		}
		d := g.ExportConfig.S3Destination
		all = append(all, slipway.ReportExport{Report: &name, Group: g.Name, Bucket: d.Bucket, Path: d.Path,
			Zip: new(d.Packaging == cb.ReportPackagingTypeZip)})
	}
	return all, nil
}

// groupARN is the ARN of the group of a project's report, as a buildspec names it.
func (s *Service) groupARN(project, report string) string {
	if strings.HasPrefix(report, "arn:") {
		return report
	}
	return s.arn("report-group", project+"-"+report)
}
