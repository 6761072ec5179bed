package actions

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// artifactName checks the name of an artifact.
func artifactName(name string) error {
	if name == "" || strings.ContainsAny(name, badArtifact) || !filepath.IsLocal(name) || name == "." {
		return invalidCall("the artifact's name %q must have none of the characters \" : < > | * ? \\ and /", name)
	}
	return nil
}

func (s *results) createArtifact(_ context.Context, in asked) (map[string]any, error) {
	if err := artifactName(in.Name); err != nil {
		return nil, err
	}
	if _, err := os.Lstat(filepath.Join(s.d.plan.Artifacts, in.Name)); err == nil {
		return nil, &callError{http.StatusConflict, "already_exists",
			"the build has an artifact " + in.Name + " already"}
	}
	b := &blob{upload: true, raw: in.MimeType != "" && in.MimeType != "application/zip"}
	url := s.newBlob(b)
	s.begin("artifact "+in.Name, b)
	return map[string]any{"ok": true, "signed_upload_url": url}, nil
}

// begin notes what is uploaded for a purpose; end takes it.
func (s *results) begin(purpose string, b *blob) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[purpose] = b
}

func (s *results) end(purpose string) (*blob, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.open[purpose]
	if b == nil {
		return nil, &callError{http.StatusNotFound, "not_found", "the " + purpose + " was not begun"}
	}
	delete(s.open, purpose)
	delete(s.blobs, b.id)
	return b, nil
}

// finalizeArtifact makes an artifact of what was uploaded. It is kept as files, as that of Slipway's own action is.
func (s *results) finalizeArtifact(_ context.Context, in asked) (map[string]any, error) {
	b, err := s.end("artifact " + in.Name)
	if err != nil {
		return nil, err
	}
	defer os.Remove(b.file)
	dir := filepath.Join(s.d.plan.Artifacts, in.Name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	if b.raw {
		err = os.Rename(b.file, filepath.Join(dir, in.Name))
	} else {
		err = unzip(b.file, dir)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the artifact %s: %w", in.Name, err), os.RemoveAll(dir))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.raw[in.Name] = b.raw
	s.uploaded = append(s.uploaded, in.Name)
	s.d.console.printf("Artifact %s", in.Name)
	return map[string]any{"ok": true, "artifact_id": s.id(in.Name)}, nil
}

// id numbers an artifact. The caller holds the lock.
func (s *results) id(name string) string {
	if s.ids[name] == 0 {
		s.ids[name] = len(s.ids) + 1
	}
	return strconv.Itoa(s.ids[name])
}

// settleArtifacts adds to the artifacts of the build what actions have uploaded themselves, and takes away what they
// have deleted.
func (d *driver) settleArtifacts() {
	if d.services == nil {
		return
	}
	s, all := d.services, &d.result.Artifacts
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range s.uploaded {
		if !slices.Contains(*all, name) {
			*all = append(*all, name)
		}
	}
	*all = slices.DeleteFunc(*all, func(name string) bool {
		return slices.Contains(s.deleted, name) && !slices.Contains(s.uploaded, name)
	})
}

func unzip(file, dir string) error {
	in, err := zip.OpenReader(file)
	if err != nil {
		return err
	}
	defer in.Close()
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, f := range in.File {
		if err := unzipOne(root, f); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	return nil
}

func unzipOne(root *os.Root, f *zip.File) error {
	if f.FileInfo().IsDir() {
		return root.MkdirAll(strings.TrimSuffix(f.Name, "/"), 0o755)
	}
	if err := root.MkdirAll(filepath.Dir(f.Name), 0o755); err != nil {
		return err
	}
	from, err := f.Open()
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := root.OpenFile(f.Name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from) //nolint:gosec // the build's own archive, on the disk that it may fill anyhow
	return errors.Join(err, to.Close())
}

func (s *results) listArtifacts(_ context.Context, in asked) (map[string]any, error) {
	entries, err := os.ReadDir(s.d.plan.Artifacts)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	all := []map[string]any{}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range entries {
		id := s.id(e.Name())
		if in.NameFilter != "" && in.NameFilter != e.Name() || in.IDFilter != nil && fmt.Sprint(in.IDFilter) != id {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return nil, err
		}
		all = append(all, map[string]any{
			"workflow_run_backend_id":     backendRun,
			"workflow_job_run_backend_id": backendJob,
			"database_id":                 id,
			"name":                        e.Name(),
			"size":                        "0",
			"created_at":                  info.ModTime().UTC().Format(time.RFC3339),
		})
	}
	return map[string]any{"artifacts": all}, nil
}

// artifact is the folder of an artifact of the build.
func (s *results) artifact(name string) (dir string, err error) {
	if err := artifactName(name); err != nil {
		return "", err
	}
	dir = filepath.Join(s.d.plan.Artifacts, name)
	if _, err := os.Stat(dir); err != nil {
		return "", &callError{http.StatusNotFound, "not_found", "the build has no artifact " + name}
	}
	return dir, nil
}

// artifactURL packs an artifact for a download.
func (s *results) artifactURL(_ context.Context, in asked) (map[string]any, error) {
	dir, err := s.artifact(in.Name)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	raw := s.raw[in.Name]
	s.mu.Unlock()
	if raw {
		b := &blob{file: filepath.Join(dir, in.Name), kind: "application/octet-stream", shown: in.Name}
		return map[string]any{"signed_url": s.newBlob(b)}, nil
	}
	b := &blob{kind: "application/zip", shown: in.Name + ".zip"}
	url := s.newBlob(b)
	f, err := os.OpenFile(b.file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	w := zip.NewWriter(f)
	err = errors.Join(w.AddFS(os.DirFS(dir)), w.Close(), f.Close())
	return map[string]any{"signed_url": url}, err
}

func (s *results) deleteArtifact(_ context.Context, in asked) (map[string]any, error) {
	dir, err := s.artifact(in.Name)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.uploaded = slices.DeleteFunc(s.uploaded, func(name string) bool { return name == in.Name })
	s.deleted = append(s.deleted, in.Name)
	return map[string]any{"ok": true, "artifact_id": s.id(in.Name)}, os.RemoveAll(dir)
}
