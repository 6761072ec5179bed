package build

import (
	"context"

	"slipway/api/awsproto"
	"slipway/api/slipway"
)

// GetReportExports implements slipway:GetReportExports: where the files of a build's reports go, for those whose groups
// are exported. The runner puts them there with the rights of the build.
func (s *Service) GetReportExports(ctx context.Context,
	in *slipway.GetReportExportsInput) (*slipway.GetReportExportsOutput, error) {
	r, err := s.inHands(ctx, *in.Runner, *in.Id)
	if err != nil {
		return nil, err
	}
	out := &slipway.GetReportExportsOutput{Exports: []slipway.ReportExport{}}
	if s.Reports == nil {
		return out, nil
	}
	out.Exports, err = s.Reports.Exports(ctx, awsproto.Value(r.build.ProjectName), in.Reports)
	return out, err
}
