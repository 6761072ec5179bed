package actions

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// results answers actions that talk to GitHub's services for artifacts (version 4) and caches (version 2) themselves,
// at a loopback address of the build, for as long as the driver runs. Both are Twirp services with JSON, as the client
// library @actions/artifact and @actions/cache call them; uploads and downloads go to URLs as Azure's blob store has
// them. Source: actions/toolkit, packages/artifact and packages/cache; no documentation says it.
type results struct {
	d     *driver
	dir   string // of files on their way
	base  string // of URLs, with a slash at the end
	token string
	http  *http.Server

	mu    sync.Mutex
	blobs map[string]*blob // by the last part of their URLs
	open  map[string]*blob // what is uploaded, by what it is for
	raw   map[string]bool  // artifacts that are one file as it was uploaded

	uploaded, deleted []string       // artifacts
	ids               map[string]int // of artifacts, by their names
}

// maxCall bounds a call of a service, in bytes.
const maxCall = 1 << 20

// serveResults starts the services once for all jobs, when the first action may need them.
func (d *driver) serveResults() (*results, error) {
	if d.services != nil {
		return d.services, nil
	}
	dir := filepath.Join(d.plan.Work, "results")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("the services for artifacts and caches cannot listen: %w", err)
	}
	s := &results{d: d, dir: dir, base: "http://" + l.Addr().String() + "/", token: runtimeToken(),
		blobs: map[string]*blob{}, open: map[string]*blob{}, raw: map[string]bool{}, ids: map[string]int{}}
	d.console.hide(s.token)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /twirp/{service}/{method}", s.call)
	mux.HandleFunc("/blob/{id}", s.blob)
	s.http = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 64 << 10}
	go func() { _ = s.http.Serve(l) }()
	d.services = s
	return s, nil
}

// close ends the services.
func (s *results) close() {
	if s != nil {
		_ = s.http.Close()
		_ = os.RemoveAll(s.dir)
	}
}

// The run and the job that clients find in their token and name in their calls.
const (
	backendRun = "slipway-run"
	backendJob = "slipway-job"
)

// runtimeToken is a secret that has the form of a JWT, whose claims clients read without looking at its signature.
func runtimeToken() string {
	claims, _ := json.Marshal(map[string]any{
		"iss": "slipway",
		"scp": "Actions.Results:" + backendRun + ":" + backendJob,
		"exp": time.Now().Add(24 * time.Hour).Unix(),
	})
	encode := base64.RawURLEncoding.EncodeToString
	secret := make([]byte, 32)
	_, _ = rand.Read(secret)
	return encode([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + encode(claims) + "." + encode(secret)
}

// name tells an action where the services are. Scripts do not get it, as at GitHub.
func (s *results) name(env map[string]string) {
	env["ACTIONS_RESULTS_URL"], env["ACTIONS_RUNTIME_URL"] = s.base, s.base
	env["ACTIONS_RUNTIME_TOKEN"] = s.token
	env["ACTIONS_CACHE_SERVICE_V2"] = "True"
	if !ofGitHub(env["GITHUB_SERVER_URL"]) {
		// The clients take every other name for a server of GitHub Enterprise, which lacks these services.
		env["GITHUB_SERVER_URL"] = "http://slipway.localhost"
	}
}

// ofGitHub tells whether a server is one that the clients know to have the services.
func ofGitHub(server string) bool {
	_, host, _ := strings.Cut(server, "://")
	host, _, _ = strings.Cut(host, "/")
	host, _, _ = strings.Cut(strings.ToLower(host), ":")
	return host == "github.com" || strings.HasSuffix(host, ".ghe.com") || strings.HasSuffix(host, ".localhost")
}

// callError is an answer of Twirp that says what is wrong.
type callError struct {
	status     int
	code, text string
}

func (e *callError) Error() string { return e.text }

var (
	errNoToken  = &callError{http.StatusUnauthorized, "unauthenticated", "the token is not that of this build"}
	errNoMethod = &callError{http.StatusNotFound, "bad_route", "there is no such method"}
)

func invalidCall(format string, args ...any) error {
	return &callError{http.StatusBadRequest, "invalid_argument", fmt.Sprintf(format, args...)}
}

// asked are the members of the calls of both services. Numbers of 64 bits are texts or numbers.
type asked struct {
	Name        string   `json:"name"`
	MimeType    string   `json:"mime_type"`
	NameFilter  string   `json:"name_filter"`
	IDFilter    any      `json:"id_filter"`
	Key         string   `json:"key"`
	Version     any      `json:"version"`
	RestoreKeys []string `json:"restore_keys"`
}

// call answers a method of a service.
func (s *results) call(w http.ResponseWriter, r *http.Request) {
	answer, err := s.answer(w, r)
	status := http.StatusOK
	if err != nil {
		e, ok := errors.AsType[*callError](err)
		if !ok {
			e = &callError{http.StatusBadRequest, "failed_precondition", err.Error()}
		}
		status, answer = e.status, map[string]any{"code": e.code, "msg": e.text}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer)
}

func (s *results) answer(w http.ResponseWriter, r *http.Request) (map[string]any, error) {
	given := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if subtle.ConstantTimeCompare([]byte(given), []byte(s.token)) != 1 {
		return nil, errNoToken
	}
	var in asked
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxCall)).Decode(&in); err != nil {
		return nil, invalidCall("the call is no JSON: %v", err)
	}
	methods := map[string]func(context.Context, asked) (map[string]any, error){
		"ArtifactService/CreateArtifact":        s.createArtifact,
		"ArtifactService/FinalizeArtifact":      s.finalizeArtifact,
		"ArtifactService/ListArtifacts":         s.listArtifacts,
		"ArtifactService/GetSignedArtifactURL":  s.artifactURL,
		"ArtifactService/DeleteArtifact":        s.deleteArtifact,
		"CacheService/CreateCacheEntry":         s.createCache,
		"CacheService/FinalizeCacheEntryUpload": s.finalizeCache,
		"CacheService/GetCacheEntryDownloadURL": s.cacheURL,
	}
	service := strings.TrimPrefix(r.PathValue("service"), "github.actions.results.api.v1.")
	method := methods[service+"/"+r.PathValue("method")]
	if method == nil {
		return nil, errNoMethod
	}
	return method(r.Context(), in)
}
