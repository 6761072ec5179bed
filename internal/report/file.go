package report

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"io"
	"time"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/object"
	"slipway/internal/store"
)

// maxFiles is how many files the tests of one report of a build may leave.
const maxFiles = 500

// Upload is a file that a test has left, on its way to the server.
type Upload struct {
	Build  string // its ID
	Report string // its name in the buildspec
	SHA256 string // of the body, in hexadecimal digits
	Size   int64  // in bytes
	Body   io.Reader
}

// PutFile keeps a file of a build that runs. One that is there already is not read again.
func (s *Service) PutFile(ctx context.Context, u Upload) error {
	if u.Size < 0 || u.Size > slipway.MaxReportFile {
		return invalid("A file of a report may have %d bytes; this one has %d.", slipway.MaxReportFile, u.Size)
	}
	there, err := store.Find(ctx, s.db, []any{new(int)},
		`SELECT 1 FROM report_files WHERE build = $1 AND name = $2 AND sha256 = $3`, u.Build, u.Report, u.SHA256)
	if err != nil || there {
		return err
	}
	if s.Room != nil {
		if err := s.Room(); err != nil {
			return err
		}
	}
	sum := sha256.New()
	staged, err := s.Files.Stage(io.TeeReader(io.LimitReader(u.Body, u.Size+1), sum))
	if err != nil {
		return fmt.Errorf("keep a file of a report: %w", err)
	}
	if staged.Size != u.Size || hex.EncodeToString(sum.Sum(nil)) != u.SHA256 {
		s.Files.Drop(staged.ID)
		return invalid("The file is not the one that was signed: it has %d bytes, or another SHA-256.", staged.Size)
	}
	kept := false
	err = s.db.Write(ctx, func(tx store.Tx) error {
		kept, err = s.insertFile(ctx, tx, u, staged.ID)
		return err
	})
	if err != nil || !kept {
		s.Files.Drop(staged.ID)
		return err
	}
	s.Files.Settle(staged.ID)
	return nil
}

// insertFile writes the row of a file, unless there is one.
func (s *Service) insertFile(ctx context.Context, tx store.Tx, u Upload, blob string) (bool, error) {
	var n, bytes int64
	if _, err := store.Find(ctx, tx, []any{&n, &bytes},
		`SELECT COUNT(*), COALESCE(SUM(size), 0) FROM report_files WHERE build = $1`, u.Build); err != nil {
		return false, err
	}
	if n >= maxFiles*maxGroups || bytes+u.Size > slipway.MaxReportFiles {
		return false, invalid("The reports of the build have %d files with %d bytes; they may have %d with %d.",
			n, bytes, maxFiles*maxGroups, slipway.MaxReportFiles)
	}
	r, err := tx.Exec(ctx, `INSERT INTO report_files (build, name, sha256, blob, size, created)
		VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (build, name, sha256) DO NOTHING`,
		u.Build, u.Report, u.SHA256, blob, u.Size, s.Now().UnixMilli())
	if err != nil {
		return false, err
	}
	added, err := r.RowsAffected()
	return added == 1, err
}

// claim makes the files of a build's report those of the recorded one, and returns the ones that the server has.
func claim(ctx context.Context, tx store.Tx, build, arn string, r slipway.Report) ([]slipway.ReportFile, error) {
	if len(r.Files) == 0 {
		return nil, nil
	}
	names, err := store.Strings(ctx, tx,
		`UPDATE report_files SET report = $1 WHERE build = $2 AND name = $3 RETURNING sha256`, arn, build, r.Name)
	if err != nil {
		return nil, err
	}
	there := map[string]bool{}
	for _, n := range names {
		there[n] = true
	}
	var files []slipway.ReportFile
	for _, f := range r.Files[:min(len(r.Files), maxFiles)] {
		if there[awsproto.Value(f.Sha256)] {
			files = append(files, f)
		}
	}
	return files, nil
}

// dropFiles deletes rows of files by a condition, and their bytes once that is committed. Bytes that a crash leaves
// behind are found by the sweep.
func (s *Service) dropFiles(ctx context.Context, tx store.Tx, where string, args ...any) error {
	blobs, err := store.Strings(ctx, tx, `DELETE FROM report_files WHERE `+where+` RETURNING blob`, args...)
	if err != nil || len(blobs) == 0 {
		return err
	}
	tx.AfterCommit(func() {
		for _, id := range blobs {
			_ = s.Files.Remove(id)
		}
	})
	return nil
}

// expireFiles deletes files whose life is over, some at a time.
func (s *Service) expireFiles(ctx context.Context, tx store.Tx, before time.Time) error {
	return s.dropFiles(ctx, tx, `(build, name, sha256) IN (SELECT build, name, sha256 FROM report_files
		WHERE created < $1 ORDER BY created LIMIT $2)`, before.UnixMilli(), maxFiles)
}

// SweepFiles sets bytes aside that no row speaks of.
func (s *Service) SweepFiles(ctx context.Context) error {
	return s.Files.Sweep(ctx, false, func(ctx context.Context, ids []string) (map[string]bool, error) {
		found, err := store.Strings(ctx, s.db, `SELECT blob FROM report_files WHERE blob IN `+store.In(1, len(ids)),
			store.Args(ids)...)
		has := make(map[string]bool, len(found))
		for _, id := range found {
			has[id] = true
		}
		return has, err
	})
}

// ListReportFiles implements slipway:ListReportFiles: what the tests of a report have left, in the order of the tests.
func (s *Service) ListReportFiles(ctx context.Context,
	in *slipway.ListReportFilesInput) (*slipway.ListReportFilesOutput, error) {
	if err := s.checkARN("report", *in.ReportArn); err != nil {
		return nil, err
	}
	var files []slipway.ReportFile
	there, err := store.Find(ctx, s.db, []any{filesIn(&files)}, `SELECT attachments FROM reports WHERE arn = $1`,
		*in.ReportArn)
	if err == nil && !there {
		err = &cb.ResourceNotFoundException{Message: "Report cannot be found: " + *in.ReportArn}
	}
	if files == nil {
		files = []slipway.ReportFile{}
	}
	return &slipway.ListReportFilesOutput{Files: files}, err
}

// filesIn reads a column of files, which is empty where there are none.
func filesIn(to *[]slipway.ReportFile) sql.Scanner { return &filesColumn{to} }

type filesColumn struct{ to *[]slipway.ReportFile }

func (f *filesColumn) Scan(value any) error {
	if text, ok := value.(string); ok && text == "" {
		return nil
	}
	return store.JSON(f.to).Scan(value)
}

// OpenFile opens a file of a report by its SHA-256. Its type is what the runner said that it is.
func (s *Service) OpenFile(ctx context.Context, arn, sum string) (slipway.ReportFile, object.File, error) {
	out, err := s.ListReportFiles(ctx, &slipway.ListReportFilesInput{ReportArn: &arn})
	if err != nil {
		return slipway.ReportFile{}, nil, err
	}
	for _, f := range out.Files {
		if awsproto.Value(f.Sha256) != sum {
			continue
		}
		var blob string
		there, err := store.Find(ctx, s.db, []any{&blob},
			`SELECT blob FROM report_files WHERE report = $1 AND sha256 = $2 LIMIT 1`, arn, sum)
		if err != nil {
			return f, nil, err
		}
		if there {
			file, err := s.Files.Open(blob)
			return f, file, err
		}
	}
	return slipway.ReportFile{}, nil, &cb.ResourceNotFoundException{
		Message: "The report has no file " + fmt.Sprintf("%.80q", sum) + ". Files are kept for 30 days.",
	}
}
