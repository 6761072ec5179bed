package report

import (
	"io"
	"net/http"

	"slipway/api/awsproto"
	"slipway/internal/fault"
)

// FileStream takes and gives the bytes of files that tests have left, at slipway.ReportFilePath.
type FileStream struct {
	*Service
	// VerifyPut returns the SHA-256 of the body that was signed, or an error unless the caller is the runner in whose
	// hands a build is.
	VerifyPut func(r *http.Request, build, runner string) (sum string, err error)
	// VerifyGet returns an error if the caller may not read a report, whose ARN it gets.
	VerifyGet func(r *http.Request, report string) error
	// Fail writes an error as the answer.
	Fail func(w http.ResponseWriter, err error)
}

// ServeHTTP implements http.Handler.
func (s *FileStream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var err error
	switch r.Method {
	case http.MethodPut:
		err = s.put(r)
	case http.MethodGet, http.MethodHead:
		err = s.get(w, r)
	default:
		err = &awsproto.Error{Code: "MethodNotAllowed", Status: http.StatusMethodNotAllowed,
			Message: "Files of reports are put and got; this is a " + r.Method + "."}
	}
	if err != nil {
		s.Fail(w, err)
	}
}

func (s *FileStream) put(r *http.Request) error {
	q := r.URL.Query()
	build, name := q.Get("id"), q.Get("report")
	sum, err := s.VerifyPut(r, build, q.Get("runner"))
	if err != nil {
		return err
	}
	if name == "" || len(name) > 1000 {
		return invalid("report names the report that the file is of.")
	}
	return s.PutFile(r.Context(),
		Upload{Build: build, Report: name, SHA256: sum, Size: r.ContentLength, Body: arriving{r.Body}})
}

// arriving is a body of which a part has arrived.
type arriving struct{ io.Reader }

func (a arriving) Read(p []byte) (int, error) {
	n, err := a.Reader.Read(p)
	fault.Point("testfile.arriving")
	return n, err
}

func (s *FileStream) get(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	if err := s.VerifyGet(r, q.Get("report")); err != nil {
		return err
	}
	_, file, err := s.OpenFile(r.Context(), q.Get("report"), q.Get("file"))
	if err != nil {
		return err
	}
	defer file.Close()
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Disposition", "attachment")
	http.ServeContent(w, r, "", s.Now(), file)
	return nil
}
