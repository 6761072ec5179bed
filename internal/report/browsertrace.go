package report

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"slipway/api/awsproto"
	"slipway/api/slipway"
	"slipway/internal/object"
	"slipway/spec/browsertrace"
)

// GetBrowserTrace implements slipway:GetBrowserTrace: what a trace of Playwright, which is a file of a report, says.
// Traces are read one at a time, since one takes memory in proportion to its length.
func (s *Service) GetBrowserTrace(ctx context.Context,
	in *slipway.GetBrowserTraceInput) (*slipway.GetBrowserTraceOutput, error) {
	out := &slipway.GetBrowserTraceOutput{Steps: []slipway.BrowserStep{}, Messages: []slipway.BrowserMessage{}}
	err := s.withTrace(ctx, *in.ReportArn, *in.Sha256, func(about slipway.ReportFile, f object.File, size int64) error {
		out.Prefix, out.Name, out.Path = about.Prefix, about.Name, about.Path
		t, err := browsertrace.Read(f, size)
		if err != nil {
			return invalid("%s: %s", awsproto.Value(about.Path), err)
		}
		out.Title, out.Browser, out.Error, out.Truncated = &t.Title, &t.Browser, given(t.Error), &t.Truncated
		for _, x := range t.Steps {
			out.Steps = append(out.Steps, slipway.BrowserStep{
				Title: &x.Title, Subtitle: given(x.Subtitle), Depth: new(int32(x.Depth)),
				StartMicros: new(x.Start.Microseconds()), TookMicros: new(x.Took.Microseconds()),
				Unfinished: &x.Unfinished, Error: given(x.Error), Place: given(x.Place), Frame: given(x.Frame),
			})
		}
		for _, m := range t.Messages {
			out.Messages = append(out.Messages,
				slipway.BrowserMessage{AtMicros: new(m.At.Microseconds()), Kind: &m.Kind, Text: &m.Text})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// OpenFrame reads a picture of a trace, by the name that a step has.
func (s *Service) OpenFrame(ctx context.Context, arn, sum, name string) (io.ReadSeeker, error) {
	var picture []byte
	err := s.withTrace(ctx, arn, sum, func(_ slipway.ReportFile, f object.File, size int64) (err error) {
		if picture, err = browsertrace.Frame(f, size, name); err != nil {
			return invalid("%s", err)
		}
		return nil
	})
	return bytes.NewReader(picture), err
}

// withTrace opens a file of a report, once no other trace is being read.
func (s *Service) withTrace(ctx context.Context, arn, sum string,
	do func(slipway.ReportFile, object.File, int64) error) error {
	about, f, err := s.OpenFile(ctx, arn, sum)
	if err != nil {
		return err
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return fmt.Errorf("read a file of a report: %w", err)
	}
	select {
	case s.traces <- struct{}{}:
		defer func() { <-s.traces }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return do(about, f, size)
}
