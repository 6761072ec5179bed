package main

import (
	"fmt"
	"net/http"
	"strings"
	"unicode"
)

// greet makes the greeting for a name; an empty one is the world's.
func greet(name string) string {
	name = strings.TrimSpace(strings.Map(printable, name))
	if name == "" {
		name = "world"
	}
	return "Hello, " + name + "!"
}

func printable(r rune) rune {
	if !unicode.IsPrint(r) {
		return -1
	}
	return r
}

func handler(version, host string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		fmt.Fprintf(w, "%s (version %s on %s)\n", greet(r.URL.Query().Get("name")), version, host)
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, version) })
	return mux
}
