package web

import (
	"bytes"
	"net/http"
	"net/url"

	"github.com/a-h/templ"
)

// Shell is what every page has around it.
type Shell struct {
	Title   string
	Here    string // the path of the page
	Visitor visitor
	Version string
	Region  string
	Address string // of this server
	Tokens  string // the addresses of the style sheets and the script
	Base    string
	Script  string
	// Live are the things whose changes the page hears of.
	Live []string
}

func (s *site) shell(r *http.Request, v visitor, title string, live ...string) Shell {
	return Shell{Title: title, Here: r.URL.RequestURI(), Visitor: v, Version: s.Version, Region: s.Region, Address: s.URL, Live: live,
		Tokens: "/static/" + s.static["tokens.css"].name, Base: "/static/" + s.static["base.css"].name, Script: "/static/" + s.static["slipway.js"].name}
}

// render writes a page, whole or not at all.
func (s *site) render(w http.ResponseWriter, r *http.Request, status int, c templ.Component) {
	var b bytes.Buffer
	if err := c.Render(r.Context(), &b); err != nil {
		s.Log.Error("render page", "path", r.URL.Path, "error", err)
		http.Error(w, "The page failed inside the server; its log says why.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}

// live is how a page names to its script what it wants to hear of.
func live(names []string) string {
	q := url.Values{"on": names}
	if len(names) == 0 {
		return ""
	}
	return "/live?" + q.Encode()
}
