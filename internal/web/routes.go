package web

import "net/http"

// routes are the pages.
func (s *site) routes(*http.ServeMux) {}
