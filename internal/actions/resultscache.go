package actions

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
)

// cacheOf checks the key of a cache, and returns its version as a text.
func cacheOf(in asked) (version string, err error) {
	version, _ = in.Version.(string)
	if in.Key == "" || len(in.Key) > 512 || strings.Contains(in.Key, ",") || version == "" {
		return "", invalidCall("the key %q must have 1 to 512 characters and no comma, and a version", shorten(in.Key))
	}
	return version, nil
}

func (s *results) createCache(ctx context.Context, in asked) (map[string]any, error) {
	version, err := cacheOf(in)
	if err != nil {
		return nil, err
	}
	_, matched, err := s.look(ctx, url.Values{"key": {in.Key}, "version": {version}, "look": {"true"}})
	if err != nil {
		return nil, err
	}
	if matched == in.Key { // the client says then that another job has saved it
		return nil, &callError{http.StatusConflict, "already_exists", "there is a cache with the key " + in.Key}
	}
	b := &blob{upload: true}
	to := s.newBlob(b)
	s.begin("cache "+version+" "+in.Key, b)
	return map[string]any{"ok": true, "signed_upload_url": to}, nil
}

// look asks the runner for a cache. The body is nil where there is none, and the caller's to close.
func (s *results) look(ctx context.Context, query url.Values) (io.ReadCloser, string, error) {
	if s.d.plan.Services == "" {
		return nil, "", nil // nothing keeps caches
	}
	answer, err := s.d.ask(ctx, http.MethodGet, CachePath+"?"+query.Encode(), nil)
	if err != nil {
		return nil, "", err
	}
	if answer.StatusCode != http.StatusOK {
		return nil, "", answer.Body.Close()
	}
	if query.Get("look") != "" {
		return nil, answer.Header.Get(MatchedHeader), answer.Body.Close()
	}
	return answer.Body, answer.Header.Get(MatchedHeader), nil
}

// finalizeCache gives what was uploaded to the runner, which keeps it for the project.
func (s *results) finalizeCache(ctx context.Context, in asked) (map[string]any, error) {
	version, err := cacheOf(in)
	if err != nil {
		return nil, err
	}
	b, err := s.end("cache " + version + " " + in.Key)
	if err != nil {
		return nil, err
	}
	defer os.Remove(b.file)
	f, err := os.Open(b.file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	query := url.Values{"key": {in.Key}, "version": {version}}
	answer, err := s.d.ask(ctx, http.MethodPut, CachePath+"?"+query.Encode(), f)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusCreated && answer.StatusCode != http.StatusConflict {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 4096))
		return nil, fmt.Errorf("the cache is not saved: %s", strings.TrimSpace(string(text)))
	}
	return map[string]any{"ok": true, "entry_id": "1"}, nil
}

// cacheURL fetches a cache for a download.
func (s *results) cacheURL(ctx context.Context, in asked) (map[string]any, error) {
	version, err := cacheOf(in)
	if err != nil {
		return nil, err
	}
	query := url.Values{"key": {in.Key}, "version": {version}, "restore": in.RestoreKeys}
	body, matched, err := s.look(ctx, query)
	if err != nil {
		return nil, err
	}
	if body == nil {
		return map[string]any{"ok": false, "signed_download_url": "", "matched_key": ""}, nil
	}
	b := &blob{kind: "application/octet-stream"}
	from := s.newBlob(b)
	if err := errors.Join(writeBlob(b.file, body), body.Close()); err != nil {
		return nil, err
	}
	return map[string]any{"ok": true, "signed_download_url": from, "matched_key": matched}, nil
}
