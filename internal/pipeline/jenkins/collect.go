package jenkins

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"slipway/internal/object"
	"slipway/internal/pipeline"
	"slipway/internal/store"
)

// Limits of what a build may archive.
const (
	maxArchive = 5 << 30 // bytes
	maxFiles   = 100_000
)

// collect makes the output artifact of what the build archived.
func (t *turn) collect(ctx context.Context) error {
	at := path.Join(t.at, strconv.FormatInt(t.b.Number, 10))
	answer, err := t.c.do(ctx, http.MethodGet, at+"/artifact/*zip*/archive.zip", nil, nil, "")
	if isStatus(err, http.StatusNotFound) {
		return pipeline.Refuse("InvalidArtifact", "The build %s #%d of Jenkins archived nothing for the output "+
			"artifact %s. Archive files with archiveArtifacts", t.b.Project, t.b.Number, *t.b.Outputs[0].Name)
	}
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	file, err := os.CreateTemp("", "slipway-jenkins-")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	size, err := io.Copy(file, io.LimitReader(answer.Body, maxArchive+1))
	if err != nil {
		return fmt.Errorf("read what Jenkins archived: %w", err)
	}
	if size > maxArchive {
		return pipeline.Refuse("InvalidArtifact", "The build %s #%d of Jenkins archived more than %d GiB", t.b.Project,
			t.b.Number, maxArchive>>30)
	}
	archive, err := zip.NewReader(file, size)
	if err != nil {
		return pipeline.Refuse("InvalidArtifact", "What Jenkins sent as the archive of %s #%d is no zip: %v",
			t.b.Project, t.b.Number, err)
	}
	if err := checkArchive(archive); err != nil {
		return err
	}
	if err := t.put(ctx, archive); err != nil {
		return err
	}
	t.b.Collected(t.Now())
	return nil
}

// below is the folder that Jenkins puts around all files of an archive.
const below = "archive/"

// checkArchive refuses an archive without files, or with paths that lead out of it.
func checkArchive(archive *zip.Reader) error {
	files := 0
	for _, f := range archive.File {
		name := strings.TrimSuffix(f.Name, "/")
		if !fs.ValidPath(name) {
			return pipeline.Refuse("InvalidArtifact", "The archive of Jenkins holds a file with the path %q, which "+
				"leaves it", f.Name)
		}
		if !f.FileInfo().IsDir() {
			files++
		}
	}
	switch {
	case files == 0:
		return pipeline.Refuse("InvalidArtifact", "The build archived no files. Archive some with archiveArtifacts")
	case files > maxFiles:
		return pipeline.Refuse("InvalidArtifact", "The build archived %d files; an artifact has at most %d", files,
			maxFiles)
	}
	return nil
}

// put writes the output artifact: the files of the archive as they are, without the folder around them.
func (t *turn) put(ctx context.Context, archive *zip.Reader) error {
	acting, err := t.Act(ctx, t.b.Role, t.b.OwnRole, t.b.Execution)
	if err != nil {
		return err
	}
	r, w := io.Pipe()
	go func() { _ = w.CloseWithError(repack(archive, w)) }()
	to := t.b.Outputs[0].S3location
	_, err = t.Objects.Put(acting, *to.Bucket, *to.Key, r, &object.Meta{ContentType: "application/zip"},
		object.Condition{})
	_ = r.Close() // ends the packing, if the object was refused
	return pipeline.ObjectError(err, *to.Bucket)
}

// repack copies the files of an archive as they are compressed.
func repack(archive *zip.Reader, to io.Writer) error {
	w := zip.NewWriter(to)
	for _, f := range archive.File {
		name := strings.TrimPrefix(f.Name, below)
		if name == "" {
			continue
		}
		header := f.FileHeader
		header.Name = name
		out, err := w.CreateRaw(&header)
		if err != nil {
			return err
		}
		in, err := f.OpenRaw()
		if err != nil {
			return err
		}
		if _, err := io.Copy(out, in); err != nil {
			return err
		}
	}
	return w.Close()
}

// Stop implements pipeline.Stopper: it takes the build out of Jenkins' queue, or aborts it.
func (s *Service) Stop(ctx context.Context, _ *pipeline.Action, run string) error {
	b, err := s.build(ctx, run)
	if err != nil || b == nil || b.Phase == Over {
		return err
	}
	if err := s.abort(ctx, b); err != nil {
		return err
	}
	return s.db.Write(ctx, func(tx store.Tx) error {
		now, err := store.Document[Build](ctx, tx, `SELECT doc FROM pipeline_jenkins_builds WHERE run = $1`, run)
		if err != nil || now == nil || now.Phase == Over {
			return err
		}
		if now.Phase != b.Phase {
			return errMoved // it began to run since: it is to be aborted there
		}
		now.Fail(s.Now(), "JobFailed", "The action was abandoned")
		_, err = tx.Exec(ctx, `UPDATE pipeline_jenkins_builds SET doc = $2 WHERE run = $1`, run, store.JSON(now))
		return err
	})
}

var errMoved = errors.New("the build of Jenkins moved on while it was stopped")

// abort takes a build out of the queue, or stops it. One that is gone needs neither, nor does one of a server that is.
func (s *Service) abort(ctx context.Context, b *Build) error {
	x := s.now()[b.Server]
	if x == nil {
		return nil
	}
	c, err := s.client(x)
	if err != nil {
		return err
	}
	at, _ := jobPath(b.Project)
	switch b.Phase {
	case Queued:
		item := url.Values{"id": {strconv.FormatInt(b.Item, 10)}}
		_, _, err = c.post(ctx, "/queue/cancelItem", item, nil, "")
	case Running:
		_, _, err = c.post(ctx, fmt.Sprintf("%s/%d/stop", at, b.Number), nil, nil, "")
	}
	if isStatus(err, http.StatusNotFound) {
		return nil
	}
	return err
}

// kept is how long a build stays once it is over.
const kept = 24 * time.Hour

// forget deletes a build that has been over for a day, and closes the log of one that was stopped.
func (s *Service) forget(ctx context.Context, b *Build) (store.Outcome, error) {
	s.closeLog(b)
	if gone := time.UnixMilli(b.Ended).Add(kept); gone.After(s.Now()) {
		return store.Again(gone), nil
	}
	return store.Done, s.db.Write(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM pipeline_jenkins_builds WHERE run = $1`, b.Run)
		return err
	})
}
