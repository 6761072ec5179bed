package runner

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"slipway/api/awsproto/sigv4"
	"slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/runner/executor/host"
	"slipway/internal/runner/room"
)

var testKey = sigv4.Credentials{AccessKeyID: "AKIATEST", SecretAccessKey: "secret/key"}

// store is as much of S3 as a runner needs, with its signatures verified.
type bucket struct {
	mu      sync.Mutex
	objects map[string][]byte
	meta    map[string]http.Header
}

func (s *bucket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, err := sigv4.Verify(r.Context(), r, time.Now(), func(_ context.Context, id, _ string) (sigv4.Secret, bool, error) {
		return sigv4.Secret{Key: testKey.SecretAccessKey}, id == testKey.AccessKeyID, nil
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	key := strings.TrimPrefix(r.URL.Path, "/")
	switch {
	case err != nil:
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, "<Error><Code>SignatureDoesNotMatch</Code><Message>%s</Message></Error>", err)
	case r.Method == http.MethodPut:
		body, _ := io.ReadAll(r.Body)
		s.objects[key], s.meta[key] = body, r.Header
	case r.URL.Query().Get("list-type") == "2":
		type object struct {
			Key  string
			Size int
		}
		var page struct {
			XMLName  xml.Name `xml:"ListBucketResult"`
			Contents []object
		}
		for _, k := range slices.Sorted(maps.Keys(s.objects)) {
			if rest, ok := strings.CutPrefix(k, key+"/"); ok && strings.HasPrefix(rest, r.URL.Query().Get("prefix")) {
				page.Contents = append(page.Contents, object{rest, len(s.objects[k])})
			}
		}
		_ = xml.NewEncoder(w).Encode(page)
	case s.objects[key] == nil:
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>")
	default:
		_, _ = w.Write(s.objects[key])
	}
}

func newBucket(t *testing.T) (*bucket, string) {
	s := &bucket{objects: map[string][]byte{}, meta: map[string]http.Header{}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return s, server.URL
}

func names(t *testing.T, b []byte) string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range z.File {
		out = append(out, f.Name)
	}
	return strings.Join(out, " ")
}

const artifactSpec = `version: 0.2
env: {variables: {OUT: dist}}
phases:
  build:
    commands:
      - cat hello.txt "$CODEBUILD_SRC_DIR_second/s.txt" "$CODEBUILD_SRC_DIR_tree/deep/t.txt"
      - mkdir -p dist/deep node_modules; echo 1 >dist/a.js; echo 2 >dist/deep/b.js; echo 3 >dist/deep/c.map; echo 4 >node_modules/x
      - ln -s a.js dist/l.js; ln -s /etc/passwd dist/passwd; ln -s ../../.. dist/up; mkfifo dist/pipe
      - mkdir $TMPDIR/doc; echo d >$TMPDIR/doc/d.html; VERSION=7; rm -f dist/../hello.txt
      - 'echo "<testsuite><testcase name=\"t\"><failure/></testcase></testsuite>" >unit.xml'
reports:
  unit: {files: [unit.xml]}
  none: {files: ['*.nothing']}
artifacts:
  files: ['**/*']
  exclude-paths: ['**/*.map']
  base-directory: $OUT
  name: web-$VERSION-$(echo x).zip
  secondary-artifacts:
    doc: {files: ['*'], base-directory: $TMPDIR/doc}
`

func TestSourcesAndArtifactsInBuckets(t *testing.T) {
	inBoth(t, func(t *testing.T, s Executor) {
		store, url := newBucket(t)
		store.objects["in/a b+c/source.zip"] = archive(t, entry{"hello.txt", "hello\n", 0o644},
			entry{"ci/build.yml", artifactSpec, 0o644})
		store.objects["in/second.zip"] = archive(t, entry{"s.txt", "second\n", 0o644})
		store.objects["in/tree/deep/t.txt"] = []byte("tree\n")
		o := order("ci/build.yml")
		o.Sources = []slipway.Source{{Kind: slipway.SourceZip, Bucket: "in", Key: "a b+c/source.zip"},
			{Identifier: "second", Kind: slipway.SourceZip, Bucket: "in", Key: "second.zip"},
			{Identifier: "tree", Kind: slipway.SourceDir, Bucket: "in", Key: "tree/"}}
		o.Outputs = []slipway.Output{{Bucket: "out", Path: "p", Namespace: true, Name: "n", OverrideName: true,
			Zip: true}, {Identifier: "doc", Bucket: "out", Path: "docs", Name: "/"}}
		var log watched
		dir := filepath.Join(t.TempDir(), "b")
		r := runJob(t.Context(),
			Job{Order: o, Room: room.Spec{Dir: dir}, Log: &log, Executor: s, Endpoint: url, Identity: Fixed(testKey)})
		if r.Status != codebuild.StatusTypeSucceeded ||
			!strings.HasPrefix(said(log.String()), "hello\nsecond\ntree\n") {
			t.Fatalf("%s\n%s", r.Status, log.String())
		}
		key := "out/p/" + o.Stream + "/web-7-x.zip"
		if got := names(t, store.objects[key]); got != "a.js deep/b.js l.js" {
			t.Errorf("%v has %s\n%s", slices.Sorted(maps.Keys(store.objects)), got, log.String())
		}
		if got := store.meta[key].Get("X-Amz-Meta-Codebuild-Buildarn"); got != *o.Build.Arn {
			t.Error(got)
		}
		if string(store.objects["out/docs/d.html"]) != "d\n" {
			t.Error(slices.Sorted(maps.Keys(store.objects)))
		}
		if len(r.Artifacts) != 2 || *r.Artifacts[0].Location != "arn:aws:s3:::"+key ||
			len(*r.Artifacts[0].Sha256sum) != 64 || *r.Artifacts[1].ArtifactIdentifier != "doc" {
			t.Errorf("%+v", r.Artifacts)
		}
		if len(r.Reports) != 2 || len(r.Reports[0].Cases) != 1 || *r.Reports[0].Cases[0].Status != "FAILED" ||
			r.Reports[1].Error == "" {
			t.Errorf("%+v", r.Reports)
		}
		left, _ := filepath.Glob(filepath.Join(dir, "*.zip"))
		if len(left) > 0 {
			t.Error("left:", left)
		}
	})
}

func TestArtifactsThatAreNotThere(t *testing.T) {
	_, url := newBucket(t)
	o := order("version: 0.2\nphases: {build: {commands: [echo x]}}\nartifacts: {files: [nothing]}")
	o.Outputs = []slipway.Output{{Bucket: "out", Key: "k", Zip: true}}
	var log watched
	r := runJob(t.Context(),
		Job{Order: o, Room: room.Spec{Dir: filepath.Join(t.TempDir(), "b")}, Log: &log, Executor: sandbox(t),
			Endpoint: url, Identity: Fixed(testKey)})
	p := r.Phases[len(r.Phases)-3]
	if r.Status != codebuild.StatusTypeFailed || *p.Contexts[0].StatusCode != "CLIENT_ERROR" ||
		*p.Contexts[0].Message != "no matching artifact paths found: no file matches nothing" ||
		r.Cause.Phase != "UPLOAD_ARTIFACTS" {
		t.Error(phases(r), *p.Contexts[0].Message)
	}
	o.Sources = []slipway.Source{{Kind: slipway.SourceZip, Bucket: "out", Key: "none.zip"}}
	r = runJob(t.Context(),
		Job{Order: o, Room: room.Spec{Dir: filepath.Join(t.TempDir(), "b")}, Log: &log, Executor: sandbox(t),
			Endpoint: url, Identity: Fixed(testKey)})
	if got := *r.Phases[1].Contexts[0].Message; got != "s3://out/none.zip: NoSuchKey: The specified key does not "+
		"exist. for primary source" {
		t.Error(got)
	}
}

func TestLocal(t *testing.T) {
	tree := t.TempDir()
	t.Setenv("SLIPWAY_SECRET_ACCESS_KEY", "hidden")
	t.Setenv("FROM_USER", "yes")
	spec := "version: 0.2\nphases:\n  build:\n    commands:\n      - 'echo $FROM_USER $A " +
		"${SLIPWAY_SECRET_ACCESS_KEY-none} >out.txt; cat out.txt; pwd'\nartifacts: {files: [out.txt]}\n"
	if err := os.WriteFile(filepath.Join(tree, "buildspec.yml"), []byte(spec), 0o600); err != nil {
		t.Fatal(err)
	}
	var log watched
	r, err := Local(t.Context(),
		LocalConfig{Tree: tree, Executor: func(tree string) Executor { return host.Tree(tree) }, Output: &log,
			Variables: map[string]string{"A": "b"}})
	if err != nil || r.Status != codebuild.StatusTypeSucceeded || said(log.String()) != "yes b none\n"+tree+"\n" ||
		len(r.Artifacts) != 1 {
		t.Fatal(r.Status, err, log.String())
	}
	if left, _ := os.ReadDir(tree); len(left) != 2 {
		t.Error("more than its own files are in the tree", left)
	}
}

// TestServerGoesAway has a server break off in the middle of an object, refuse calls, and answer with errors of its
// own.
func TestServerGoesAway(t *testing.T) {
	const content = "0123456789"
	calls, puts := 0, 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch calls++; {
		case r.Method == http.MethodPut:
			if puts++; puts == 1 {
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
			if text, err := io.ReadAll(r.Body); err != nil || string(text) != content {
				t.Errorf("put %q, %v", text, err)
			}
		case calls == 1:
			w.Header().Set("ETag", `"tag"`)
			w.Header().Set("Content-Length", "10")
			_, _ = io.WriteString(w, content[:4])
			http.NewResponseController(w).Flush()
			hijacked, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_ = hijacked.Close()
		case r.Header.Get("Range") != "bytes=4-" || r.Header.Get("If-Match") != `"tag"`:
			t.Errorf("the rest is asked for by %v", r.Header)
		default:
			w.WriteHeader(http.StatusPartialContent)
			_, _ = io.WriteString(w, content[4:])
		}
	}))
	defer server.Close()
	told := 0
	o := &objects{identity: Fixed{}, endpoint: server.URL, region: "us-east-1", client: transport(), away: func(error) { told++ }}
	var got strings.Builder
	if err := o.get(t.Context(), "b", "k", "", &got, 100); err != nil || got.String() != content || told != 1 {
		t.Errorf("got %q, %v; told %d times", got.String(), err, told)
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(content); err != nil {
		t.Fatal(err)
	}
	if err := o.put(t.Context(), "b", "k", f, int64(len(content)), nil); err != nil || puts != 2 {
		t.Errorf("%d puts, %v", puts, err)
	}
	// A build that is stopped waits no longer.
	server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := o.put(ctx, "b", "k", f, int64(len(content)), nil); err == nil || ctx.Err() == nil {
		t.Errorf("%v", err)
	}
}
