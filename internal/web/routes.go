package web

import "net/http"

// routes are the pages.
func (s *site) routes(mux *http.ServeMux) {
	mux.Handle("GET /board", s.signedIn(s.boardPage))
}
