package main

import (
	"context"
	"io"
	"net/http"
	"regexp"
	"sync"
	"time"
)

// users are the load on the service: they ask the load balancer all the time, and note what they get.
type users struct {
	url    string
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu       sync.Mutex
	versions map[string]int // answers by version
	failed   int            // answers with a status of 500 or more
	broken   []string       // requests that got no answer
}

const (
	crowd = 8
	pause = 20 * time.Millisecond // between two requests of one user
)

// begin lets the users come.
func begin(ctx context.Context, url string) *users {
	ctx, cancel := context.WithCancel(ctx)
	u := &users{url: url, cancel: cancel, versions: map[string]int{}}
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: crowd}}
	for range crowd {
		u.done.Go(func() {
			tick := time.NewTicker(pause)
			defer tick.Stop()
			for {
				select {
				case <-tick.C:
					u.ask(ctx, client)
				case <-ctx.Done():
					return
				}
			}
		})
	}
	return u
}

var versionOf = regexp.MustCompile(`version ([0-9a-z]+)`)

func (u *users) ask(ctx context.Context, client *http.Client) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.url, nil)
	if err != nil {
		u.note(err)
		return
	}
	resp, err := client.Do(r)
	if err != nil {
		if ctx.Err() == nil {
			u.note(err)
		}
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	if err != nil {
		if ctx.Err() == nil {
			u.note(err)
		}
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if resp.StatusCode >= http.StatusInternalServerError {
		u.failed++
	}
	if m := versionOf.FindStringSubmatch(string(body)); m != nil {
		u.versions[m[1]]++
	} else if resp.StatusCode < http.StatusInternalServerError || resp.Header.Get("X-Greeter") == "" {
		u.broken = append(u.broken, resp.Status+": "+string(body[:min(len(body), 80)]))
	}
}

func (u *users) note(err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.broken = append(u.broken, err.Error())
}

// count is what the users got since the last count.
func (u *users) count() (versions map[string]int, failed int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	versions, failed = u.versions, u.failed
	u.versions, u.failed = map[string]int{}, 0
	return versions, failed
}

// end sends the users home, and returns what got no answer of the service.
func (u *users) end() []string {
	u.cancel()
	u.done.Wait()
	return u.broken
}
