package agent

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"slipway/api/awsproto/sigv4"
)

// archivesKept is how many revisions of a group stay on the host, the new one included.
const archivesKept = 5

// download does DownloadBundle: fetch the revision, unpack it, and remember it as the most recent one.
func (a *agent) download(ctx context.Context, s *specification, o *output) error {
	if err := a.removeOldArchives(s); err != nil {
		return err
	}
	if done, err := a.reuse(s, o); done || err != nil {
		return err
	}
	r := s.Revision.S3Revision
	dir := a.real(s.dir())
	bundle := filepath.Join(dir, "bundle.tar") // whatever it is: so AWS's agent calls it
	size, err := a.get(ctx, s, bundle)
	if err != nil {
		return err
	}
	o.line("Downloaded s3://%s/%s (%d bytes).", r.Bucket, r.Key, size)
	archive := a.real(archiveOf(s.dir()))
	if err := os.RemoveAll(archive); err != nil {
		return err
	}
	// Unpacked beside its place: an archive that is there is whole.
	fresh := archive + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return err
	}
	n, err := unpack(bundle, r.BundleType, fresh, size)
	if err != nil {
		return errors.Join(err, os.RemoveAll(fresh))
	}
	top, err := stripped(fresh)
	if err != nil {
		return err
	}
	if err := os.Rename(top, archive); err != nil {
		return err
	}
	if top != fresh {
		if err := os.Remove(fresh); err != nil {
			return err
		}
	}
	o.line("Unpacked %d files and folders.", n)
	return writeFile(a.mostRecent(s.DeploymentGroupId), []byte(s.dir()), 0o644)
}

// stripped is the folder that is the revision: where the bundle has nothing but one folder with an application
// specification, that one.
func stripped(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || !entries[0].IsDir() {
		return dir, err
	}
	top := filepath.Join(dir, entries[0].Name())
	inner, err := os.ReadDir(top)
	if err != nil {
		return "", err
	}
	if slices.ContainsFunc(
		inner, func(e fs.DirEntry) bool { return strings.Contains(strings.ToLower(e.Name()), "appspec") }) {
		return top, nil
	}
	return dir, nil
}

const fetches = 5

// get fetches the bundle with the host's own key, straight to the disk.
func (a *agent) get(ctx context.Context, s *specification, path string) (size int64, err error) {
	wait := backoff{next: 100 * time.Millisecond}
	for range fetches {
		var again bool
		if size, again, err = a.getOnce(ctx, s, path); err == nil || !again || ctx.Err() != nil {
			return size, err
		}
		wait.sleep(ctx)
	}
	return size, err
}

func (a *agent) getOnce(ctx context.Context, s *specification, path string) (size int64, again bool, err error) {
	r := s.Revision.S3Revision
	segments := strings.Split(r.Key, "/")
	for i := range segments {
		segments[i] = url.PathEscape(segments[i])
	}
	address := strings.TrimSuffix(a.S3Endpoint, "/") + "/" + url.PathEscape(r.Bucket) + "/" +
		strings.Join(segments, "/")
	if r.Version != "" {
		address += "?versionId=" + url.QueryEscape(r.Version)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return 0, false, err
	}
	a.Credentials.Sign(request, sigv4.HexSHA256(nil), a.Region, "s3", time.Now())
	resp, err := a.HTTP.Do(request)
	if err != nil {
		return 0, true, fmt.Errorf("fetch s3://%s/%s: %w", r.Bucket, r.Key, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return 0, resp.StatusCode >= 500, fmt.Errorf("fetch s3://%s/%s: %s", r.Bucket, r.Key, s3Error(resp))
	}
	if want, got := strings.Trim(r.ETag, `"`), strings.Trim(resp.Header.Get("ETag"), `"`); want != "" && want != got {
		return 0, false, fmt.Errorf(
			"fetch s3://%s/%s: the bundle was to have the ETag %s, but has %s: it was replaced since the revision was "+
				"registered", r.Bucket, r.Key, want, got)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, false, err
	}
	sum := sha256.New()
	size, err = io.Copy(io.MultiWriter(f, sum), resp.Body)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return size, true, fmt.Errorf("fetch s3://%s/%s: %w", r.Bucket, r.Key, err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); s.BundleSHA256 != "" && got != s.BundleSHA256 {
		return 0, false, errors.Join(
			fmt.Errorf(
				"fetch s3://%s/%s: the server signed a bundle with the SHA-256 %s, but what came has %s. Either the "+
					"bundle was replaced "+
					"while it was deployed, or something between this host and the server changes it. Nothing of it "+
					"was run. Deploy again, and use TLS", r.Bucket, r.Key, s.BundleSHA256, got), os.Remove(path))
	}
	return size, false, nil
}

func s3Error(resp *http.Response) string {
	var x struct{ Code, Message string }
	content, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil || xml.Unmarshal(content, &x) != nil || x.Code == "" {
		return resp.Status
	}
	return x.Code + ": " + x.Message
}

// removeOldArchives makes room for one more revision. The last one that was installed with success stays.
func (a *agent) removeOldArchives(s *specification) error {
	dir := filepath.Dir(a.real(s.dir()))
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	keep, _ := os.ReadFile(a.lastSuccessful(s.DeploymentGroupId))
	type old struct {
		name string
		at   time.Time
	}
	var olds []old
	extra := 1 - archivesKept
	for _, e := range entries {
		if e.Name() == s.DeploymentId {
			continue
		}
		extra++
		if e.Name() == filepath.Base(strings.TrimSpace(string(keep))) {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		olds = append(olds, old{e.Name(), info.ModTime()})
	}
	slices.SortFunc(olds, func(x, y old) int { return cmp.Or(x.at.Compare(y.at), strings.Compare(x.name, y.name)) })
	for _, o := range olds[:max(0, min(extra, len(olds)))] {
		if err := os.RemoveAll(filepath.Join(dir, o.name)); err != nil {
			return err
		}
	}
	return nil
}
