package executortest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// The account that opens a Registry.
const (
	AccountUser     = "builder"
	AccountPassword = "a-password-of-the-registry"
)

// Registry is a registry of images that asks for the account of the test. It has the programs of Busybox under every
// name, at a loopback address, which engines take without TLS.
type Registry struct {
	Host    string       // of names of images
	Refused atomic.Int64 // requests without the account
	Served  atomic.Int64 // manifests
}

// NewRegistry starts a registry, which ends with the test.
// See https://distribution.github.io/distribution/spec/api/.
func NewRegistry(t testing.TB) *Registry {
	t.Helper()
	layer := busybox(t).Bytes()
	config := encoded(t, map[string]any{"architecture": runtime.GOARCH, "os": "linux",
		"config": map[string]any{"Env": []string{"PATH=/bin"}, "Cmd": []string{"/bin/sh"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{digest(layer)}}})
	const kind = "application/vnd.docker.distribution.manifest.v2+json"
	part := func(kind string, content []byte) map[string]any {
		return map[string]any{"mediaType": kind, "size": len(content), "digest": digest(content)}
	}
	manifest := encoded(t, map[string]any{"schemaVersion": 2, "mediaType": kind,
		"config": part("application/vnd.docker.container.image.v1+json", config),
		"layers": []any{part("application/vnd.docker.image.rootfs.diff.tar", layer)}})
	blobs := map[string][]byte{digest(layer): layer, digest(config): config}
	r := new(Registry)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		user, password, _ := q.BasicAuth()
		if user != AccountUser || password != AccountPassword {
			r.Refused.Add(1)
			w.Header().Set("WWW-Authenticate", `Basic realm="the registry of a test"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		content, as := []byte("{}"), "application/json"
		if _, of, ok := strings.Cut(q.URL.Path, "/blobs/"); ok {
			content, as = blobs[of], "application/octet-stream"
		} else if strings.Contains(q.URL.Path, "/manifests/") {
			r.Served.Add(1)
			content, as = manifest, kind
		}
		if content == nil {
			http.NotFound(w, q)
			return
		}
		w.Header().Set("Docker-Content-Digest", digest(content))
		w.Header().Set("Content-Type", as)
		w.Header().Set("Content-Length", strconv.Itoa(len(content)))
		_, _ = io.Copy(w, strings.NewReader(string(content)))
	}))
	listener, err := net.Listen("tcp", registryHost(t))
	if err != nil {
		t.Fatal(err)
	}
	_ = server.Listener.Close()
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	r.Host = registryHost(t)
	return r
}

// freeHost is where registries of this process listen, one at a time: Podman must be told before it starts.
var freeHost = sync.OnceValues(func() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
})

func registryHost(t testing.TB) string {
	t.Helper()
	host, err := freeHost()
	if err != nil {
		t.Fatal(err)
	}
	return host
}

func encoded(t testing.TB, of any) []byte {
	t.Helper()
	text, err := json.Marshal(of)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func digest(of []byte) string {
	sum := sha256.Sum256(of)
	return "sha256:" + hex.EncodeToString(sum[:])
}
