package awsproto

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

const (
	// intakeBudget bounds the bytes of request bodies that the process holds at a time, of all services together.
	intakeBudget = 128 << 20
	// intakeWait is how long a request waits for its share of the budget.
	intakeWait = 10 * time.Second
	// grace and leastRate bound how slowly a body may come: 16 KiB/s, after 20 seconds.
	grace     = 20 * time.Second
	leastRate = 16 << 10
)

// budget is shared by the servers of this process, because they share its memory.
var budget = sync.OnceValue(func() *semaphore.Weighted { return semaphore.NewWeighted(intakeBudget) })

// reserve takes n bytes of the budget and returns a function that gives them back. It returns an error if they do not
// become free in time.
func reserve(ctx context.Context, n int64) (release func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, intakeWait)
	defer cancel()
	if err := budget().Acquire(ctx, n); err != nil {
		return nil, &Error{Code: "ServiceUnavailable", Status: http.StatusServiceUnavailable,
			Message: "The server is reading as many large requests as it can hold. Try again later."}
	}
	return sync.OnceFunc(func() { budget().Release(n) }), nil
}

// Paced reads the body of a request at no less than 16 KiB/s. A client that stops sending gets an error, so that it
// does not keep its share of the budget.
func Paced(w http.ResponseWriter, body io.Reader) io.Reader {
	return &paced{body, http.NewResponseController(w), time.Now(), 0}
}

type paced struct {
	body  io.Reader
	conn  *http.ResponseController
	began time.Time
	read  int64
}

func (p *paced) Read(b []byte) (int, error) {
	// Who serves a connection without deadlines bounds it in another way.
	_ = p.conn.SetReadDeadline(p.began.Add(grace + time.Duration(p.read)*time.Second/leastRate))
	n, err := p.body.Read(b)
	p.read += int64(n)
	if err != nil { // what is read from the connection now is whether the client still listens
		_ = p.conn.SetReadDeadline(time.Time{})
	}
	return n, err
}
