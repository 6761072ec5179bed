package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/slipway"
	"slipway/internal/terminal"
)

// files lists what the tests of a report have left, and saves it if a folder is named.
func (c *reportsCommand) files(ctx context.Context, api *contract) error {
	out, err := api.slipway.ListReportFiles(ctx, &slipway.ListReportFilesInput{ReportArn: &c.Of})
	if err != nil {
		return err
	}
	if c.Save != "" {
		if err := c.save(ctx, out.Files); err != nil {
			return err
		}
	}
	return c.print(map[string]any{"files": out.Files}, func(t *terminal.Table) {
		t.Head("FILE", "BYTES", "TYPE", "TEST")
		for _, f := range out.Files {
			t.Row(terminal.Pointed(f.Path), terminal.Text(fmt.Sprint(awsproto.Value(f.Size))),
				terminal.Pointed(f.ContentType), terminal.Pointed(f.Name))
		}
		if len(out.Files) == 0 {
			t.Note("The tests of the report left no files.")
		}
	})
}

// save writes files below a folder. Nothing is written outside of it, whatever paths the build had.
func (c *reportsCommand) save(ctx context.Context, files []slipway.ReportFile) error {
	if err := os.MkdirAll(c.Save, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(c.Save)
	if err != nil {
		return err
	}
	defer root.Close()
	conn, err := c.open()
	if err != nil {
		return err
	}
	for _, f := range files {
		name := strings.TrimPrefix(path.Clean("/"+awsproto.Value(f.Path)), "/")
		q := url.Values{"report": {c.Of}, "file": {awsproto.Value(f.Sha256)}}
		resp, err := conn.Get(ctx, slipway.Info(), slipway.ReportFilePath, q)
		if err == nil {
			err = saveFile(root, name, resp.Body)
			_ = resp.Body.Close()
		}
		if err != nil {
			return fmt.Errorf("save %s: %w", filepath.Join(c.Save, name), err)
		}
	}
	return nil
}

func saveFile(root *os.Root, name string, body io.Reader) error {
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := root.Create(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, body)
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}
