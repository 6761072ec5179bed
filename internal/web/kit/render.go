package kit

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/a-h/templ"

	"slipway/api/awsproto"
	"slipway/api/slipway"
)

// Shell is what every page has around it.
type Shell struct {
	Title   string
	Here    string // the path of the page
	Visitor Visitor
	Version string
	Region  string
	Address string // of this server
	Tokens  string // the addresses of the style sheets and the script
	Base    string
	Script  string
	Icon    string
	// Live are the things whose changes the page hears of.
	Live []string
	// Failed and Waiting are how many pipelines need a hand.
	Failed, Waiting int64
}

// Shell is what a page has around it: its title, its visitor, and the things whose changes it follows.
func (s *Site) Shell(r *http.Request, v Visitor, title string, live ...string) Shell {
	x := Shell{
		Title:   title,
		Here:    r.URL.RequestURI(),
		Visitor: v,
		Version: s.Version,
		Region:  s.Region,
		Address: s.URL,
		Live:    watched(live),
		Tokens:  "/static/" + s.static["tokens.css"].name,
		Base:    "/static/" + s.static["base.css"].name,
		Script:  "/static/" + s.static["slipway.js"].name,
		Icon:    "/static/" + s.static["mark.svg"].name,
	}
	if v.Caller.Name == "" {
		return x // nobody is signed in
	}
	if strings.HasPrefix(r.URL.Path, "/settings") {
		x.Visitor.People = s.Offers(r.Context(), "iam:ListUsers", "*")
	}
	out, err := s.Slipway.GetAttention(awsproto.WithCaller(r.Context(), v.Caller), &slipway.GetAttentionInput{})
	if err != nil { // a page is no worse without it, and whoever may not see it sees none
		s.Log.Debug("attention", "error", err)
		return x
	}
	x.Failed, x.Waiting = Number(out.Failed), Number(out.Waiting)
	return x
}

// watched is what a page hears of: what it shows, and what the header counts.
func watched(live []string) []string {
	for _, topic := range []string{"attention", "releases"} {
		if !slices.Contains(live, topic) {
			live = append(live, topic)
		}
	}
	return live
}

// Render writes a page, whole or not at all.
func (s *Site) Render(w http.ResponseWriter, r *http.Request, status int, c templ.Component) {
	var b bytes.Buffer
	if err := c.Render(r.Context(), &b); err != nil {
		s.Log.Error("render page", "path", r.URL.Path, "error", err)
		http.Error(w, "The page failed inside the server; its log says why.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, withSums(b.String()))
}
