package source

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strconv"
	"strings"

	"slipway/api/awsproto"
	cc "slipway/api/codecommit"
)

// Handler serves Git over HTTP ("Git HTTP transport", git-http-backend's protocol): /v1/repos/NAME/info/refs,
// git-upload-pack and git-receive-pack, streamed both ways.
type Handler struct {
	Source *Service
	// Authenticate verifies Basic credentials for the repository's path.
	Authenticate func(ctx context.Context, username, password, host, path string) (awsproto.Caller, bool, error)
	// Authorize returns an error if the caller in ctx may not do an operation, GitPull or GitPush, with a repository. A
	// push is asked for twice: without refs, when Git asks what there is, and with those that it updates.
	Authorize func(ctx context.Context, operation, repository string, refs ...string) error
}

const prefix = "/v1/repos/"

// Services of Git's protocol.
const (
	uploadPack  = "git-upload-pack"
	receivePack = "git-receive-pack"
)

// operations are the services as rights know them.
var operations = map[string]string{uploadPack: "GitPull", receivePack: "GitPush"}

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, action, ok := strings.Cut(strings.TrimPrefix(r.URL.Path, prefix), "/")
	if !ok || name == "" {
		http.Error(w, "This is a Git repository's address. Clone it with: git clone "+h.Source.URL+r.URL.Path,
			http.StatusNotFound)
		return
	}
	service := serviceOf(r, action)
	switch {
	case service != "":
	case action == "info/refs":
		http.Error(w, "Only the smart HTTP protocol of Git is served here; use git 1.6.6 or newer.",
			http.StatusForbidden)
		return
	default:
		http.NotFound(w, r)
		return
	}
	caller, ok := h.authenticate(w, r, prefix+name)
	if !ok {
		return
	}
	r = r.WithContext(awsproto.WithCaller(r.Context(), caller))
	repo := h.repository(w, r, service, name)
	if repo == nil {
		return
	}
	w.Header().Set("Cache-Control", "no-cache, max-age=0, must-revalidate")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	var err error
	if action == "info/refs" {
		err = h.advertise(w, r, repo, service)
	} else {
		err = h.exchange(w, r, repo, service)
	}
	if err != nil {
		h.fail(w, r, err)
	}
}

// serviceOf is the service of Git that a request asks for; "" for none.
func serviceOf(r *http.Request, action string) string {
	service := action
	if action == "info/refs" && r.Method == http.MethodGet {
		service = r.URL.Query().Get("service")
	} else if r.Method != http.MethodPost {
		return ""
	}
	if service != uploadPack && service != receivePack {
		return ""
	}
	return service
}

// repository returns a repository that the caller may use a service of. It answers the request and returns nil if there
// is no such repository, or no right or no room to use it.
func (h *Handler) repository(w http.ResponseWriter, r *http.Request, service, name string) *repository {
	name = strings.TrimSuffix(name, ".git") // names never end so, clone URLs may
	if err := h.Authorize(r.Context(), operations[service], name); err != nil {
		h.forbid(w, r, err)
		return nil
	}
	repo, err := h.Source.open(r.Context(), name)
	if _, missing := errors.AsType[*cc.RepositoryDoesNotExistException](err); missing {
		http.Error(w, "repository "+name+" does not exist", http.StatusNotFound)
		return nil
	}
	if err != nil {
		h.fail(w, r, err)
		return nil
	}
	if service == receivePack && h.Source.Room != nil {
		if err := h.Source.Room(); err != nil {
			http.Error(w, err.Error(), http.StatusInsufficientStorage)
			return nil
		}
	}
	return repo
}

// forbid answers what Authorize returned. Git shows its user the text.
func (h *Handler) forbid(w http.ResponseWriter, r *http.Request, err error) {
	if _, refused := errors.AsType[awsproto.ServiceError](err); !refused {
		h.fail(w, r, err)
		return
	}
	http.Error(w, awsproto.Message(err), http.StatusForbidden)
}

// fail logs an error and answers with the status 500. If a part of the answer was sent already, the status cannot
// change.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() == nil {
		h.Source.Log.Error("git request failed", "path", r.URL.Path, "error", err)
		http.Error(w, "The request failed inside the server; its log says why.", http.StatusInternalServerError)
	}
}

func (h *Handler) authenticate(w http.ResponseWriter, r *http.Request, path string) (awsproto.Caller, bool) {
	username, password, given := r.BasicAuth()
	if given {
		c, ok, err := h.Authenticate(r.Context(), username, password, r.Host, path)
		if err != nil {
			h.fail(w, r, err)
			return c, false
		}
		if ok {
			return c, true
		}
	}
	w.Header().Set("WWW-Authenticate", `Basic realm="Slipway"`)
	message := "Sign in with a Git credential (aws iam create-service-specific-credential --service-name " +
		"codecommit.amazonaws.com), or use the credential helper of the aws CLI."
	if given {
		message = "These credentials are not valid here, or their signature has expired. " + message
	}
	http.Error(w, message, http.StatusUnauthorized)
	return awsproto.Caller{}, false
}

func pktLine(s string) string { return fmt.Sprintf("%04x%s", len(s)+4, s) }

func (h *Handler) process(ctx context.Context, r *http.Request, repo *repository, service string,
	args ...string) *exec.Cmd {
	c := repo.command(ctx,
		append([]string{"-c", "receive.maxInputSize=" + strconv.Itoa(maxPush), "-c", "receive.autoGC=false",
			strings.TrimPrefix(service, "git-"),
			"--stateless-rpc"}, append(args, repo.dir)...)...)
	if p := r.Header.Get("Git-Protocol"); p != "" && len(p) < 100 && !strings.ContainsAny(p, "\x00\n") {
		c.Env = append(c.Env, "GIT_PROTOCOL="+p)
	}
	return c
}

func (h *Handler) advertise(w http.ResponseWriter, r *http.Request, repo *repository, service string) error {
	w.Header().Set("Content-Type", "application/x-"+service+"-advertisement")
	if !strings.Contains(r.Header.Get("Git-Protocol"), "version=2") || service == receivePack {
		_, _ = io.WriteString(w, pktLine("# service="+service+"\n")+"0000")
	}
	c := h.process(r.Context(), r, repo, service, "--http-backend-info-refs")
	c.Stdout = w
	return c.Run()
}

// exchange runs one request of a fetch or a push. A push goes on to its end, and is recorded, even if the client goes
// away.
func (h *Handler) exchange(w http.ResponseWriter, r *http.Request, repo *repository, service string) error {
	if r.Header.Get("Content-Type") != "application/x-"+service+"-request" {
		http.Error(w, "the content type must be application/x-"+service+"-request", http.StatusUnsupportedMediaType)
		return nil
	}
	var body io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			http.Error(w, "the body is no gzip", http.StatusBadRequest)
			return nil
		}
		body = z
	}
	push := service == receivePack
	ctx := r.Context()
	if push {
		ctx = context.WithoutCancel(ctx)
		if body = h.allowed(w, r, repo, body); body == nil {
			return nil
		}
	}
	w.Header().Set("Content-Type", "application/x-"+service+"-result")
	c := h.process(ctx, r, repo, service)
	c.Stdin = body
	out := &flushing{w: w, keepGoing: push}
	c.Stdout = out
	err := c.Run()
	if push {
		if rerr := h.Source.Record(ctx, *repo.RepositoryId); rerr != nil {
			return rerr
		}
	}
	if _, refused := errors.AsType[*exec.ExitError](err); refused {
		return nil // git told the client what it did not like
	}
	return err
}

// allowed reads which refs a push updates, and returns the push for Git if the caller may update each of them. If not,
// it answers and returns nil: nothing of the push is taken.
func (h *Handler) allowed(w http.ResponseWriter, r *http.Request, repo *repository, body io.Reader) io.Reader {
	refs, whole, err := commands(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return nil
	}
	if len(refs) == 0 {
		return whole
	}
	if err := h.Authorize(r.Context(), operations[receivePack], *repo.RepositoryName, refs...); err != nil {
		_, _ = io.Copy(io.Discard, io.LimitReader(body, drained)) // Git reads the answer once it has sent its push
		h.forbid(w, r, err)
		return nil
	}
	return whole
}

// drained is how much of a push that is refused is read, in bytes.
const drained = 64 << 20

// flushing passes on at once what git prints, and with keepGoing swallows that nobody reads it.
type flushing struct {
	w         http.ResponseWriter
	keepGoing bool
}

func (f *flushing) Write(p []byte) (int, error) {
	n, err := f.w.Write(p)
	if flusher, ok := f.w.(http.Flusher); ok {
		flusher.Flush()
	}
	if f.keepGoing {
		return len(p), nil
	}
	return n, err
}
