package build

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/internal/build/batch"
	"slipway/internal/fault"
	"slipway/internal/store"
)

const (
	combineTime = 10 * time.Minute // for the artifacts of one batch
	// maxCombined bounds the zips that are put together, in bytes as they lie in their bucket.
	maxCombined = 5 << 30
)

// combine puts the primary artifacts of a batch's builds together, with the rights of their role. What goes wrong with
// the artifacts fails the batch. It may run more than once, and then writes the same object again.
func (s *Service) combine(ctx context.Context, j store.Running) (store.Outcome, error) {
	x, err := oneBatch(ctx, s.db, `WHERE id = $1`, j.Key)
	if err != nil {
		return store.Done, err
	}
	done := batch.Combined{}
	if x != nil && x.state.Stage == batch.Combining {
		if err := s.combineOf(ctx, x); err != nil {
			_, refused := errors.AsType[awsproto.ServiceError](err)
			if !refused && !j.Last && !errors.Is(err, errArtifact) {
				return store.Done, err
			}
			done.Error = "The artifacts were not combined: " + awsproto.Message(err)
		}
	}
	fault.Point("batch.combined")
	return store.Done, s.db.Write(ctx, func(tx store.Tx) error {
		x, err := oneBatch(ctx, tx, `WHERE id = $1`, j.Key)
		if err != nil {
			return err
		}
		if x != nil {
			if err := s.step(ctx, tx, x, done); err != nil {
				return err
			}
		}
		return store.End(ctx, tx)
	})
}

// errArtifact is what is wrong with an artifact, so that another try would not help.
var errArtifact = errors.New("artifact")

// combineOf writes the combined artifact of a batch; see placeArtifacts for what lies where.
func (s *Service) combineOf(ctx context.Context, x *batchRow) error {
	bucket, key := combinedAt(x)
	if bucket == "" {
		return nil
	}
	role := awsproto.Value(x.doc.ServiceRole)
	if s.ReadObject == nil || s.WriteObject == nil {
		return fmt.Errorf("%w: this server has no object store", errArtifact)
	}
	var ids []string
	for _, part := range x.state.Parts[1:] {
		ids = append(ids, part.Build)
	}
	builds, err := s.named(ctx, s.db, ids)
	if err != nil {
		return err
	}
	var zips []*zip.Reader
	left := int64(maxCombined)
	for _, id := range ids {
		r := builds[id]
		if r == nil || r.build.BuildStatus != cb.StatusTypeSucceeded { // a failure to ignore has no artifact
			continue
		}
		f, z, size, err := s.openZip(ctx, role, awsproto.Value(r.build.Artifacts.Location), left)
		if err != nil {
			return err
		}
		defer f.Close()
		zips, left = append(zips, z), left-size
	}
	whole, err := spool()
	if err != nil {
		return err
	}
	defer whole.Close()
	if err := mergeZips(whole, zips); err != nil {
		return fmt.Errorf("%w: %w", errArtifact, err)
	}
	if _, err := whole.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return s.WriteObject(ctx, role, bucket, key, whole)
}

// combinedAt is where the zips of a batch's builds are put together; bucket is "" if nothing is.
func combinedAt(x *batchRow) (bucket, key string) {
	if job := x.work.Job; job != nil {
		for _, a := range job.Outputs {
			return a.Bucket, a.Key
		}
		return "", ""
	}
	p := x.work.Project
	primary := *p.Artifacts
	p.Artifacts = &primary
	if primary.Type != cb.ArtifactsTypeS3 || primary.Packaging != cb.ArtifactPackagingZip {
		return "", ""
	}
	combined(&p, *x.doc.Id)
	return bucketAndKey(awsproto.Value(expected(*p.Artifacts, *p.Name, "").Location))
}

// openZip brings an artifact here.
func (s *Service) openZip(ctx context.Context, role, location string,
	most int64) (*os.File, *zip.Reader, int64, error) {
	bucket, key := bucketAndKey(location)
	from, err := s.ReadObject(ctx, role, bucket, key)
	if err != nil {
		return nil, nil, 0, fmt.Errorf("%s: %w", location, err)
	}
	defer from.Close()
	f, err := spool()
	if err != nil {
		return nil, nil, 0, err
	}
	size, err := io.Copy(f, io.LimitReader(from, most+1))
	if err == nil && size > most {
		err = fmt.Errorf("%w: the artifacts of the batch are larger than %d GiB together", errArtifact, maxCombined>>30)
	}
	if err != nil {
		return nil, nil, 0, errors.Join(err, f.Close())
	}
	z, err := zip.NewReader(f, size)
	if err != nil {
		return nil, nil, 0, errors.Join(fmt.Errorf("%w: %s: %w", errArtifact, location, err), f.Close())
	}
	return f, z, size, nil
}

// mergeZips writes zips into one. Of two files of one name the later build's stays.
func mergeZips(w io.Writer, zips []*zip.Reader) error {
	last := map[string]int{}
	for i, z := range zips {
		for _, f := range z.File {
			last[f.Name] = i
		}
	}
	out := zip.NewWriter(w)
	for i, z := range zips {
		for _, f := range z.File {
			if last[f.Name] != i {
				continue
			}
			if err := out.Copy(f); err != nil {
				return fmt.Errorf("%s: %w", f.Name, err)
			}
		}
	}
	return out.Close()
}

// spool is a file without a name.
func spool() (*os.File, error) {
	f, err := os.CreateTemp("", "slipway-artifact-*.zip")
	if err == nil {
		err = os.Remove(f.Name())
	}
	return f, err
}
