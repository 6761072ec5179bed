package actions

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"slipway/internal/actions/expression"
)

// The runner's answers to a build about its caches: GET and PUT of CachePath with the parameters key, version and, for
// GET, restore (several). MatchedHeader has the key of what was found.
const (
	CachePath     = "/cache"
	MatchedHeader = "X-Cache-Key"
)

// caching is actions/cache: restored now, and saved when the job has succeeded.
func caching(ctx context.Context, u *use) error {
	hit, err := u.restore(ctx)
	if err != nil || hit {
		return err
	}
	u.after("success()", func(ctx context.Context) error { return u.save(ctx) })
	return nil
}

// restoring is actions/cache/restore.
func restoring(ctx context.Context, u *use) error {
	_, err := u.restore(ctx)
	return err
}

// saving is actions/cache/save.
func saving(ctx context.Context, u *use) error { return u.save(ctx) }

// version tells apart caches of one key that have other paths.
func (u *use) version() string {
	sum := sha256.Sum256([]byte(strings.Join(u.lines("path"), "|")))
	return hex.EncodeToString(sum[:])
}

func (u *use) key() (string, error) {
	key := u.input("key")
	if key == "" || len(key) > 512 || strings.Contains(key, ",") {
		return "", fmt.Errorf("the key %q must have 1 to 512 characters and no comma", shorten(key))
	}
	if len(u.lines("path")) == 0 {
		return "", errors.New("path is missing")
	}
	return key, nil
}

// restore brings back what was saved under the key, or the newest whose key begins with a restore key. hit says that it
// was the key itself.
func (u *use) restore(ctx context.Context) (hit bool, err error) {
	key, err := u.key()
	if err != nil {
		return false, err
	}
	console := u.f.j.d.console
	u.to.outputs.Set("cache-primary-key", key)
	query := url.Values{"key": {key}, "restore": u.lines("restore-keys"), "version": {u.version()}}
	if u.input("lookup-only") == "true" {
		query.Set("look", "true")
	}
	answer, err := u.f.j.d.ask(ctx, http.MethodGet, CachePath+"?"+query.Encode(), nil)
	if err != nil {
		console.annotate(Annotation{Level: "warning", Message: "The cache cannot be restored: " + err.Error()})
		return false, nil
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		if u.input("fail-on-cache-miss") == "true" {
			return false, fmt.Errorf("there is no cache with the key %s", key)
		}
		console.printf("No cache with the key %s", key)
		return false, nil
	}
	matched := answer.Header.Get(MatchedHeader)
	if query.Get("look") == "" {
		if err := u.unpack(answer.Body); err != nil {
			return false, fmt.Errorf("the cache %s: %w", matched, err)
		}
	}
	hit = matched == key
	u.to.outputs.Set("cache-hit", expression.Text(hit)).Set("cache-matched-key", matched)
	console.printf("Cache restored from the key %s", matched)
	return hit, nil
}

// save packs the paths, unless there is a cache of that key.
func (u *use) save(ctx context.Context) error {
	key, err := u.key()
	if err != nil {
		return err
	}
	console := u.f.j.d.console
	read, write := io.Pipe()
	go func() { _ = write.CloseWithError(u.pack(write)) }()
	query := url.Values{"key": {key}, "version": {u.version()}}
	answer, err := u.f.j.d.ask(ctx, http.MethodPut, CachePath+"?"+query.Encode(), read)
	_ = read.Close()
	if err != nil {
		console.annotate(Annotation{Level: "warning", Message: "The cache is not saved: " + err.Error()})
		return nil
	}
	defer answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusCreated:
		console.printf("Cache saved with the key %s", key)
	case http.StatusConflict:
		console.printf("There is a cache with the key %s already; it is not saved", key)
	default:
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 4096))
		message := "The cache is not saved: " + strings.TrimSpace(string(text))
		console.annotate(Annotation{Level: "warning", Message: message})
	}
	return nil
}

// pack writes an archive of the paths. Names in it begin with w/ for the workspace and with a/ for the rest of the
// machine.
func (u *use) pack(to io.Writer) error {
	out := tar.NewWriter(to)
	var patterns []string
	for _, p := range u.lines("path") {
		p, negative := strings.CutPrefix(p, "!")
		if p = u.absolute(p); negative {
			p = "!" + p
		}
		patterns = append(patterns, p)
	}
	files, err := findFiles(os.DirFS("/"), "/", patterns, true)
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := u.packOne(out, "/"+f); err != nil {
			return err
		}
	}
	return out.Close()
}

func (u *use) packOne(out *tar.Writer, file string) error {
	info, err := os.Lstat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	link := ""
	if info.Mode()&fs.ModeSymlink != 0 {
		if link, err = os.Readlink(file); err != nil {
			return err
		}
	}
	h, err := tar.FileInfoHeader(info, link)
	if err != nil {
		return err
	}
	h.Name = "a" + file
	if rest, err := filepath.Rel(u.f.j.workspace, file); err == nil && filepath.IsLocal(rest) {
		h.Name = "w/" + rest
	}
	if err := out.WriteHeader(h); err != nil || link != "" {
		return err
	}
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	defer in.Close()
	_, err = io.CopyN(out, in, h.Size)
	return err
}

// unpack writes the files of an archive to where they were.
func (u *use) unpack(from io.Reader) error {
	for in := tar.NewReader(from); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		place, rest, _ := strings.Cut(h.Name, "/")
		to := filepath.Join("/", rest)
		if place == "w" {
			to = filepath.Join(u.f.j.workspace, rest)
		}
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		_ = os.Remove(to)
		if h.Typeflag == tar.TypeSymlink {
			err = os.Symlink(h.Linkname, to)
		} else {
			err = unpackFile(to, h, in)
		}
		if err != nil {
			return err
		}
	}
}

func unpackFile(to string, h *tar.Header, from io.Reader) error {
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, h.FileInfo().Mode().Perm())
	if err != nil {
		return err
	}
	_, err = io.Copy(f, from)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Chtimes(to, h.ModTime, h.ModTime)
	}
	return err
}
