package main

import (
	"net/http/httptest"
	"strings"
	"testing"
)

func TestGreet(t *testing.T) {
	for _, c := range []struct{ name, want string }{
		{"", "Hello, world!"},
		{"  ", "Hello, world!"},
		{"Ada", "Hello, Ada!"},
		{"Ada\x00\x1b[31m", "Hello, Ada[31m!"},
		{"Åsa", "Hello, Åsa!"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := greet(c.name); got != c.want {
				t.Errorf("greet(%q) is %q, not %q", c.name, got, c.want)
			}
		})
	}
}

func TestHandler(t *testing.T) {
	for _, c := range []struct {
		path, want string
		status     int
	}{
		{"/?name=Grace", "Hello, Grace! (version 1.2 on here)", 200},
		{"/healthz", "ok", 200},
		{"/version", "1.2", 200},
		{"/nothing", "404 page not found", 404},
	} {
		t.Run(c.path, func(t *testing.T) {
			w := httptest.NewRecorder()
			handler("1.2", "here").ServeHTTP(w, httptest.NewRequest("GET", c.path, nil))
			if got := strings.TrimSpace(w.Body.String()); got != c.want || w.Code != c.status {
				t.Errorf("%d %q, not %d %q", w.Code, got, c.status, c.want)
			}
		})
	}
}
