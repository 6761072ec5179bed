package build

import (
	"context"
	"database/sql"
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"
	"time"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/internal/store"
)

// BadgePath begins the paths of badges. What follows is a token of 256 random bits.
const BadgePath = "/badges/codebuild/"

// badgeLife is how long others may keep a badge. Forges show badges through caches of their own.
const badgeLife = time.Minute

// Kinds of what everybody may see of a project.
const (
	publicBadge = "badge"
	publicAlias = "alias"
)

// checkBadge refuses badges of projects whose source has no branches.
func checkBadge(p *cb.Project) error {
	if !awsproto.Value(p.Badge.BadgeEnabled) {
		return nil
	}
	switch p.Source.Type {
	case cb.SourceTypeS3, cb.SourceTypeCodepipeline, cb.SourceTypeNoSource:
		return invalid("Build badges are not supported for projects with the source type %s.", p.Source.Type)
	}
	return nil
}

// saveBadge gives a project with a badge its URL, with the writes of tx. A badge that is switched off and on again has
// the URL that it had.
func (s *Service) saveBadge(ctx context.Context, tx store.Tx, p *cb.Project) error {
	p.Badge.BadgeRequestUrl = nil
	if !awsproto.Value(p.Badge.BadgeEnabled) {
		return nil
	}
	token, err := s.publish(ctx, tx, *p.Name, publicBadge)
	p.Badge.BadgeRequestUrl = new(s.URL + BadgePath + token)
	return err
}

// publish returns the token by which everybody sees something of a project.
func (s *Service) publish(ctx context.Context, tx store.Tx, project, kind string) (token string, err error) {
	_, err = tx.Exec(ctx, `INSERT INTO public_projects (token, kind, project) VALUES ($1, $2, $3)
		ON CONFLICT (project, kind) DO NOTHING`, randomToken(), kind, project)
	if err != nil {
		return "", err
	}
	err = tx.QueryRow(ctx, `SELECT token FROM public_projects WHERE project = $1 AND kind = $2`, project,
		kind).Scan(&token)
	return token, err
}

// published returns the project that a token stands for, or nil.
func (s *Service) published(ctx context.Context, kind, token string) (*cb.Project, error) {
	return store.Document[cb.Project](ctx, s.db, `SELECT p.doc FROM projects p
		JOIN public_projects x ON x.project = p.name WHERE x.kind = $1 AND x.token = $2`, kind, token)
}

// Badges serves the badges of projects to everybody.
type Badges struct{ *Service }

// Accepts reports whether a request is for a badge.
func (Badges) Accepts(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, BadgePath) }

func (b Badges) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "A badge is read by GET.", http.StatusMethodNotAllowed)
		return
	}
	p, err := b.published(r.Context(), publicBadge, strings.TrimPrefix(r.URL.Path, BadgePath))
	if err == nil && (p == nil || p.Badge == nil || !awsproto.Value(p.Badge.BadgeEnabled)) {
		http.Error(w, "There is no such badge.", http.StatusNotFound)
		return
	}
	var status cb.StatusType
	if err == nil {
		status, err = b.latest(r.Context(), p, r.URL.Query().Get("branch"))
	}
	if err != nil {
		b.Log.Error("badge", "error", err)
		http.Error(w, "The request failed inside the server; its log says why.", http.StatusInternalServerError)
		return
	}
	h.Set("Content-Type", "image/svg+xml; charset=utf-8")
	h.Set("Cache-Control", fmt.Sprintf("public, max-age=%d", int(badgeLife.Seconds())))
	tag := `"` + strings.ToLower(string(status)) + `"`
	if status == "" {
		tag = `"unknown"`
	}
	h.Set("ETag", tag)
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = w.Write([]byte(badge(status)))
}

// lookedAt is how many of a project's builds are looked at for the newest of a branch.
const lookedAt = 200

// latest is the status of the newest build of a branch; "" if there is none. Without a branch it is that of the
// project's source version, or else of the repository's default branch: a build without a version, or of a push to main
// or master.
func (s *Service) latest(ctx context.Context, p *cb.Project, branch string) (cb.StatusType, error) {
	of := awsproto.Value(p.SourceVersion)
	wanted := map[string]bool{of: true}
	switch {
	case branch != "":
		wanted = map[string]bool{branch: true, "refs/heads/" + branch: true}
	case of == "":
		wanted["main"], wanted["master"] = true, true
	}
	type seen struct {
		build cb.Build
		work  work
	}
	all, err := store.All(ctx, s.db, func(r *sql.Rows) (x seen, err error) {
		return x, r.Scan(store.JSON(&x.build), store.JSON(&x.work))
	}, `SELECT doc, work FROM builds
		WHERE project = $1 AND kind = 'build' ORDER BY seq DESC LIMIT $2`, *p.Name, lookedAt)
	if err != nil {
		return "", err
	}
	for _, x := range all {
		version := awsproto.Value(x.build.SourceVersion)
		if trigger := x.work.Variables["CODEBUILD_WEBHOOK_TRIGGER"]; trigger != "" {
			var pushed bool
			if version, pushed = strings.CutPrefix(trigger, "branch/"); !pushed {
				continue
			}
		}
		if wanted[version] {
			return x.build.BuildStatus, nil
		}
	}
	return "", nil
}

// badge draws a status.
func badge(status cb.StatusType) string {
	word, colour := "unknown", "#6b7280"
	switch status {
	case cb.StatusTypeSucceeded:
		word, colour = "passing", "#15803d"
	case cb.StatusTypeInProgress:
		word, colour = "in progress", "#1d4ed8"
	case cb.StatusTypeStopped:
		word = "stopped"
	case cb.StatusTypeFailed, cb.StatusTypeFault, cb.StatusTypeTimedOut:
		word, colour = "failing", "#b91c1c"
	}
	const left, letter, pad = 44, 7, 16
	right := len(word)*letter + pad
	var escaped strings.Builder
	_ = xml.EscapeText(&escaped, []byte(word))
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%[1]d" height="20" role="img" `+
		`aria-label="build: %[2]s"><title>build: %[2]s</title><rect width="%[1]d" height="20" rx="3" fill="#374151"/>`+
		`<rect x="%[3]d" width="%[4]d" height="20" rx="3" fill="%[5]s"/><g fill="#fff" text-anchor="middle" `+
		`font-family="Verdana,DejaVu Sans,sans-serif" font-size="11"><text x="%[6]d" y="14">build</text>`+
		`<text x="%[7]d" y="14">%[2]s</text></g></svg>`,
		left+right, escaped.String(), left, right, colour, left/2, left+right/2)
}
