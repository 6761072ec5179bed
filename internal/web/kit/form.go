package kit

import (
	"net/http"
	"strings"
)

// Next answers a form: the page that is shown next.
func Next(w http.ResponseWriter, r *http.Request, to string, err error) error {
	if err != nil {
		return err
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// Given is what a form says in a field; nil if nothing.
func Given(r *http.Request, field string) *string {
	if value := strings.TrimSpace(r.PostForm.Get(field)); value != "" {
		return &value
	}
	return nil
}
