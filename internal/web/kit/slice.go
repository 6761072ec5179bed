package kit

import (
	"net/http"
	"net/url"
	"strconv"
)

// partRows is how many rows a page has of a list whose own pages are longer.
const partRows = 50

// Slice takes the part of a list's page that the address asks for, and the address of what follows: the next
// part, or the list's next page.
func Slice(r *http.Request, ids []string, next *string) (some []string, more string) {
	q := r.URL.Query()
	n, _ := strconv.Atoi(q.Get("part"))
	from := min(max(0, n)*partRows, len(ids))
	to := min(from+partRows, len(ids))
	if to < len(ids) {
		more = r.URL.Path + "?" +
			url.Values{"after": {q.Get("after")}, "part": {strconv.Itoa(from/partRows + 1)}}.Encode()
		return ids[from:to], more
	}
	return ids[from:to], OlderPath(r.URL.Path, next)
}
