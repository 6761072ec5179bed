package runner

import (
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/slipway"
	"slipway/spec/buildspec"
)

// ReportExports is implemented by identities that know where the files of a build's reports go.
type ReportExports interface {
	ReportExports(ctx context.Context, reports []string) ([]slipway.ReportExport, error)
}

// ReportExports implements ReportExports.
func (r *roleIdentity) ReportExports(ctx context.Context, reports []string) ([]slipway.ReportExport, error) {
	in := &slipway.GetReportExportsInput{Id: &r.id, Runner: &r.runner, Reports: reports}
	out, err := r.api.GetReportExports(ctx, in)
	if err != nil {
		return nil, err
	}
	return out.Exports, nil
}

// reports reads the reports of a build.
func (b *build) reports(ctx context.Context, all []buildspec.Report) error {
	to := map[string]slipway.ReportExport{}
	if known, ok := b.Identity.(ReportExports); ok && len(all) > 0 {
		names := make([]string, len(all))
		for i, r := range all {
			names[i] = r.Name
		}
		var exports []slipway.ReportExport
		err := b.objects.persist(ctx, func() (err error) {
			if exports, err = known.ReportExports(ctx, names); err != nil && awsproto.Code(err) == "" {
				err = &awayError{err, false} // the server did not answer
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("where reports are exported to: %w", err)
		}
		for _, e := range exports {
			to[value(e.Report)] = e
		}
	}
	for _, r := range all {
		var export *slipway.ReportExport
		if e, ok := to[r.Name]; ok {
			export = &e
		}
		result := b.report(ctx, r, export)
		b.log.say("%s", summary(result))
		b.result.Reports = append(b.result.Reports, result)
	}
	shorten(b.result.Reports)
	return nil
}

// exportReport puts the files of a report into the bucket that its group names, with the rights of the build: under
// PATH/GROUP/BUILD, or in one zip of that name.
func (b *build) exportReport(ctx context.Context, to slipway.ReportExport, files []found) error {
	_, id, _ := strings.Cut(value(b.order.Build.Id), ":")
	bucket := value(to.Bucket)
	key := strings.TrimPrefix(path.Join("/", value(to.Path), value(to.Group), id), "/")
	header := map[string]string{"X-Amz-Meta-Codebuild-Buildarn": value(b.order.Build.Arn)}
	err := func() error {
		if !value(to.Zip) {
			return b.putFiles(ctx, bucket, key, files, header)
		}
		key += ".zip"
		f, err := os.CreateTemp(b.space.place.Dir, "report-*.zip")
		if err != nil {
			return err
		}
		defer f.Close()
		if err := os.Remove(f.Name()); err != nil {
			return err
		}
		size := counter(0)
		if err := zipped(ctx, io.MultiWriter(f, &size), files); err != nil {
			return err
		}
		header["Content-Type"] = "application/zip"
		return b.objects.put(ctx, bucket, key, f, int64(size), header)
	}()
	if err != nil {
		return fmt.Errorf("the report's files cannot be exported: %w", err)
	}
	b.log.say("Exported the files of the report group %s to s3://%s/%s", value(to.Group), bucket, key)
	return nil
}
