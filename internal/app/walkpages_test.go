package app

import (
	"context"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"slipway/api/iam"
	"slipway/internal/people"
	"slipway/internal/store"
	"slipway/internal/web/kit"
)

// page is a route of the pages, as a test asks for it.
type page struct{ pattern, method, path string }

// pageWalker asks every page of a server, as whoever it is told to be.
type pageWalker struct {
	*walker
	data *pageData
}

func newPageWalker(t *testing.T) *pageWalker {
	w := &pageWalker{walker: newWalker(t)}
	w.data = w.newPageData()
	return w
}

var variable = regexp.MustCompile(`\{([^}]*)\}`)

// pages are all pages that the server has: they are asked of what serves them, so that none can be forgotten.
func (w *pageWalker) pages() []page {
	w.t.Helper()
	served, ok := w.handler.pages.(*kit.Pages)
	if !ok {
		w.t.Fatalf("the pages are a %T", w.handler.pages)
	}
	var all []page
	for _, pattern := range served.Patterns {
		method, path, ok := strings.Cut(pattern, " ")
		if !ok { // what answers where there is no page
			method, path = http.MethodGet, "/no-such-page"
		}
		path = variable.ReplaceAllStringFunc(path, func(name string) string {
			value, ok := w.data.value(pattern, strings.Trim(name, "{}"))
			if !ok {
				w.t.Errorf("%s is new: say in pageData.value what %s is of", pattern, name)
			}
			return url.PathEscape(value)
		})
		if q := pageQueries[pattern]; q != "" {
			path += "?" + w.data.fill(q)
		}
		all = append(all, page{pattern, method, path})
	}
	end := slices.IndexFunc(all, func(p page) bool { return p.pattern == signOut })
	all = append(slices.Delete(all, end, end+1), page{signOut, http.MethodPost, "/signout"}) // it ends the session
	if len(all) < 80 {
		w.t.Errorf("the walk has met %d pages; there are more", len(all))
	}
	return all
}

// visitor is somebody with a cookie of the pages.
type visitor struct{ name, cookie, csrf string }

// visitor signs a user in.
func (w *pageWalker) visitor(name string, groups []string, policy ...statement) visitor {
	w.t.Helper()
	ctx := w.t.Context()
	if _, err := w.identity.CreateUser(ctx, &iam.CreateUserInput{UserName: &name}); err != nil {
		w.t.Fatal(err)
	}
	for _, g := range groups {
		in := &iam.AddUserToGroupInput{UserName: &name, GroupName: &g}
		if _, err := w.identity.AddUserToGroup(ctx, in); err != nil {
			w.t.Fatal(err)
		}
	}
	if len(policy) > 0 {
		in := &iam.PutUserPolicyInput{UserName: &name, PolicyName: new("rights"), PolicyDocument: new(document(policy))}
		if _, err := w.identity.PutUserPolicy(ctx, in); err != nil {
			w.t.Fatal(err)
		}
	}
	key := w.newKey(name)
	cookie, ok, err := w.identity.SignIn(ctx, key.AccessKeyID, key.SecretAccessKey)
	if err != nil || !ok {
		w.t.Fatalf("sign in: %t, %v", ok, err)
	}
	in, ok, err := w.identity.Session(ctx, cookie)
	if err != nil || !ok {
		w.t.Fatalf("the session: %t, %v", ok, err)
	}
	return visitor{name, cookie, in.CSRF}
}

// ask asks for a page, with a form if it takes one. A page that stays open is left soon.
func (w *pageWalker) ask(p page, v visitor) (status int, header http.Header, body string) {
	ctx, cancel := context.WithTimeout(w.t.Context(), 10*time.Second)
	defer cancel()
	rec := &cutter{ResponseRecorder: httptest.NewRecorder(), cut: func() {}}
	if slices.Contains(stayOpen, p.pattern) {
		// It goes on for as long as somebody looks: until it has said something, or has nothing to say for a while.
		ctx, cancel = context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		rec.cut = cancel
	}
	form := url.Values{"csrf": {v.csrf}}
	for name, value := range pageForms[p.pattern] {
		form.Set(name, w.data.fill(value))
	}
	r := httptest.NewRequestWithContext(ctx, p.method, "http://127.0.0.1"+p.path, http.NoBody)
	if p.method == http.MethodPost {
		r = httptest.NewRequestWithContext(ctx, p.method, "http://127.0.0.1"+p.path, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.Header.Set("Accept", "text/html")
	if v.cookie != "" {
		r.AddCookie(&http.Cookie{Name: "slipway", Value: v.cookie})
	}
	w.handler.ServeHTTP(rec, r)
	return rec.Code, rec.Header(), html.UnescapeString(rec.Body.String())
}

// cutter takes an answer, and hangs up when its first bytes are there.
type cutter struct {
	*httptest.ResponseRecorder
	cut func()
}

func (c *cutter) Write(p []byte) (int, error) {
	defer c.cut()
	return c.ResponseRecorder.Write(p)
}

// expire ends the time of a user's sessions.
func (w *pageWalker) expire(name string) {
	w.t.Helper()
	ctx := w.t.Context()
	out, err := w.identity.GetUser(ctx, &iam.GetUserInput{UserName: &name})
	if err != nil {
		w.t.Fatal(err)
	}
	err = w.db.Write(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE sign_ins SET expires = 1 WHERE owner = $1`, *out.User.UserId)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// A page is seen with a session that lasts alone, besides those of the sign-in; and what has no session does nothing.
func TestEveryPageNeedsASession(t *testing.T) {
	t.Parallel()
	w := newPageWalker(t)
	all := []string{"administrators"}
	ended, expired, gone := w.visitor("ended", all), w.visitor("expired", all), w.visitor("gone", all)
	if err := w.identity.SignOut(t.Context(), ended.cookie); err != nil {
		t.Fatal(err)
	}
	w.expire("expired")
	if err := people.DeleteUser(w.data.ctx, w.data.api.iam, "gone"); err != nil {
		t.Fatal(err)
	}
	for _, v := range []visitor{{name: "nobody"}, {name: "a made-up cookie", cookie: "x"}, ended, expired, gone} {
		for _, p := range w.pages() {
			status, header, body := w.ask(p, v)
			if strings.Contains(body, unseen) {
				t.Errorf("%s shows %s what is there: %s", p.pattern, v.name, around(body))
			}
			if beforeSignIn(p.pattern) {
				continue
			}
			toSignIn := status == http.StatusSeeOther && strings.HasPrefix(header.Get("Location"), "/signin")
			if !toSignIn && status != http.StatusUnauthorized {
				t.Errorf("%s answers %s with %d, want the sign-in", p.pattern, v.name, status)
			}
		}
	}
}

// Each page asks for its rights: who has none sees nothing of what is there, and changes nothing.
func TestEveryPageAsksForItsRights(t *testing.T) {
	t.Parallel()
	w := newPageWalker(t)
	allow := statement{"Effect": "Allow", "Action": "*", "Resource": "*"}
	for _, v := range []visitor{
		w.visitor("stranger", nil),
		w.visitor("barred", []string{"administrators"}, allow, with(allow, "Effect", "Deny")),
	} {
		for _, p := range w.pages() {
			status, _, body := w.ask(p, v)
			if strings.Contains(body, unseen) {
				t.Errorf("%s shows %s, who has no right, what is there: %s", p.pattern, v.name, around(body))
			}
			want := http.StatusForbidden
			if open, ok := openPages[p.pattern]; ok {
				want = open
			}
			if status != want && !beforeSignIn(p.pattern) {
				t.Errorf("%s answers %s, who has no right, with %d, want %d: %s", p.pattern, v.name, status, want,
					around(body))
			}
		}
	}
}

// A reader sees what readers may, is refused the rest, and is offered nothing that changes something.
func TestEveryPageOffersAReaderNothing(t *testing.T) {
	t.Parallel()
	w := newPageWalker(t)
	reader, administrator := w.visitor("reader", []string{"readers"}), w.visitor("head", []string{"administrators"})
	forms, seen := 0, 0
	for _, p := range w.pages() {
		if beforeSignIn(p.pattern) {
			continue
		}
		if p.method == http.MethodPost {
			if status, _, body := w.ask(p, reader); !own(p.pattern) && status != http.StatusForbidden {
				t.Errorf("%s answers a reader with %d, want 403: %s", p.pattern, status, around(body))
			}
			continue
		}
		status, _, body := w.ask(p, reader)
		want := http.StatusOK
		if other, ok := readersPages[p.pattern]; ok {
			want = other
		}
		if status != want {
			t.Errorf("%s answers a reader with %d, want %d: %s", p.pattern, status, want, around(body))
		}
		for _, action := range posts(body) {
			if !ownForm(action) {
				t.Errorf("%s offers a reader a form to %s", p.pattern, action)
			}
		}
		status, _, body = w.ask(p, administrator)
		want = http.StatusOK
		if other, ok := administratorsPages[p.pattern]; ok {
			want = other
		}
		if status != want {
			t.Errorf("%s answers an administrator with %d, want %d: %s", p.pattern, status, want, around(body))
		}
		if strings.Contains(body, unseen) {
			seen++
		}
		for _, action := range posts(body) {
			if !ownForm(action) {
				forms++
			}
		}
	}
	// The walk is worth something only if there is what could be shown and offered.
	if seen < 30 || forms < 20 {
		t.Errorf("an administrator sees what is there on %d pages and is offered %d forms; there are more", seen, forms)
	}
}

// A form that does not carry the session's token does nothing, whoever sends it.
func TestEveryFormCarriesTheToken(t *testing.T) {
	t.Parallel()
	w := newPageWalker(t)
	administrator := w.visitor("head", []string{"administrators"})
	administrator.csrf = "wrong"
	for _, p := range w.pages() {
		if p.method != http.MethodPost || beforeSignIn(p.pattern) {
			continue
		}
		if status, _, body := w.ask(p, administrator); status != http.StatusForbidden ||
			!strings.Contains(body, "not sent from a page of this session") {
			t.Errorf("%s takes a form without the token: %d %s", p.pattern, status, around(body))
		}
	}
}

var form = regexp.MustCompile(`<form[^>]*method="post"[^>]*>`)

var formAction = regexp.MustCompile(`action="([^"]*)"`)

// posts are where the forms of a page send to. A form of the editor that only checks changes nothing.
func posts(body string) []string {
	var all []string
	for _, f := range form.FindAllString(body, -1) {
		to := formAction.FindStringSubmatch(f)
		switch {
		case to == nil:
			all = append(all, f)
		case strings.HasPrefix(to[1], "/settings/editor") && !strings.Contains(body, `id="save"`):
		default:
			all = append(all, to[1])
		}
	}
	return all
}

// around is a part of a page for the message of a failure: where it shows what is there, else its text.
func around(body string) string {
	if i := strings.Index(body, unseen); i >= 0 {
		return body[max(0, i-100):min(len(body), i+100)]
	}
	if _, main, ok := strings.Cut(body, "<main"); ok {
		body = main
	}
	text := strings.Join(strings.Fields(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(body, " ")), " ")
	return text[:min(len(text), 200)]
}
