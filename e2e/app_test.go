package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// application is one in this process that routers send requests to.
type application struct {
	name, address string
	served        atomic.Int64
	slow          atomic.Int64  // requests for /slow that began
	left          atomic.Int64  // of those, the ones whose client went away
	goOn          chan struct{} // closed when they may end
	server        *http.Server
}

func newApplication(t testing.TB, name string) *application {
	t.Helper()
	a := &application{name: name, goOn: make(chan struct{})}
	l := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	a.address = l.Addr().String()
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	a.server = &http.Server{Handler: a, Protocols: &protocols}
	go func() { _ = a.server.Serve(l) }()
	t.Cleanup(func() { _ = a.server.Close() })
	return a
}

func (a *application) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("User-Agent") == "ELB-HealthChecker/2.0" {
		return
	}
	a.served.Add(1)
	w.Header().Set("X-App", a.name)
	switch r.URL.Path {
	case "/slow":
		a.slow.Add(1)
		select {
		case <-a.goOn:
		case <-r.Context().Done():
			a.left.Add(1)
			return
		}
	case "/hints":
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
	case "/cut":
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "only this")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	case "/echo":
		w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
		_ = http.NewResponseController(w).EnableFullDuplex() // HTTP/2 has nothing to enable
		_, _ = io.Copy(w, r.Body)
		return
	case "/upload": // answered once it is here
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			panic(http.ErrAbortHandler)
		}
	case "/request":
		fmt.Fprintf(w, "%s %s %s\nHost: %s\n", r.Method, r.RequestURI, r.Proto, r.Host)
		_ = r.Header.Write(w)
		return
	case "/stream":
		for n := range 3 {
			fmt.Fprintf(w, "event %d\n", n)
			w.(http.Flusher).Flush()
			select {
			case <-a.goOn:
			case <-r.Context().Done():
				a.left.Add(1)
				return
			}
		}
		return
	case "/trailer":
		w.Header().Set("Trailer", "X-End")
		_, _ = io.WriteString(w, a.name)
		w.Header().Set("X-End", "reached")
		return
	case "/session":
		http.SetCookie(w, &http.Cookie{Name: "SESSION", Value: a.name})
	case "/websocket":
		a.echo(w, r)
		return
	}
	_, _ = io.WriteString(w, a.name)
}

// echo answers each message of a WebSocket with itself.
func (a *application) echo(w http.ResponseWriter, r *http.Request) {
	c, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer func() { _ = c.CloseNow() }()
	for {
		kind, message, err := c.Read(r.Context())
		if err != nil {
			return
		}
		if err := c.Write(r.Context(), kind, []byte(a.name+" "+string(message))); err != nil {
			return
		}
	}
}

// serveTarget is what a process does that is the target of a router and can be killed. Its address is followed by its
// name.
func serveTarget(address string) int {
	address, name, _ := strings.Cut(address, " ")
	l, err := net.Listen("tcp", address)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	_ = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			<-time.After(200 * time.Millisecond)
		}
		_, _ = io.WriteString(w, name)
	}))
	return 0
}

// process is a target that is a process of its own.
type process struct {
	t             testing.TB
	name, address string
	c             *exec.Cmd
}

func newProcess(t testing.TB, name string) *process {
	t.Helper()
	p := &process{t: t, name: name, address: free(t)}
	p.start()
	t.Cleanup(p.kill)
	return p
}

func (p *process) start() {
	p.t.Helper()
	p.c = exec.Command(must(os.Executable())(p.t))
	p.c.Env = append(environment(), "SLIPWAY_E2E_TARGET="+p.address+" "+p.name)
	if err := p.c.Start(); err != nil {
		p.t.Fatal(err)
	}
	eventually(p.t, "the target answers", func() error {
		c, err := net.Dial("tcp", p.address)
		if err == nil {
			_ = c.Close()
		}
		return err
	})
}

func (p *process) kill() {
	_ = p.c.Process.Kill()
	_ = p.c.Wait()
}
