package s3

import (
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"slipway/internal/object"
)

// meta reads what a client says of an object.
func (q *request) meta() (object.Meta, error) {
	m := object.Meta{
		ContentType: q.Header.Get("Content-Type"), ContentDisposition: q.Header.Get("Content-Disposition"),
		ContentLanguage: q.Header.Get("Content-Language"),
		CacheControl:    q.Header.Get("Cache-Control"), Expires: q.Header.Get("Expires"),
	}
	var encodings []string
	for e := range strings.SplitSeq(q.Header.Get("Content-Encoding"), ",") {
		if e = strings.TrimSpace(e); e != "" && e != "aws-chunked" {
			encodings = append(encodings, e)
		}
	}
	m.ContentEncoding = strings.Join(encodings, ",")
	size := 0
	for name, values := range q.Header {
		if user, ok := strings.CutPrefix(strings.ToLower(name), "x-amz-meta-"); ok {
			if m.User == nil {
				m.User = map[string]string{}
			}
			m.User[user] = strings.Join(values, ",")
			size += len(user) + len(m.User[user])
		}
	}
	if size > 2048 {
		return m, fail(http.StatusBadRequest, "MetadataTooLarge",
			"Your metadata headers exceed the maximum allowed metadata size of 2 KB.")
	}
	return m, q.keptHeaders(&m)
}

func (q *request) checkKey() error {
	if len(q.key) > 1024 {
		return fail(http.StatusBadRequest, "KeyTooLongError", "Your key is longer than 1024 bytes.")
	}
	if !utf8.ValidString(q.key) {
		return invalid("The key is not valid UTF-8.")
	}
	return nil
}

func (q *request) condition() (object.Condition, error) {
	c := object.Condition{IfMatch: unquoted(q.Header.Get("If-Match"))}
	switch q.Header.Get("If-None-Match") {
	case "":
	case "*":
		c.IfNoneMatch = true
	default:
		return c, fail(http.StatusNotImplemented, "NotImplemented", "If-None-Match takes only * on a write.")
	}
	return c, nil
}

func unquoted(etag string) string { return strings.Trim(etag, `"`) }

func (q *request) putObject() error {
	if err := q.checkKey(); err != nil {
		return err
	}
	cond, err := q.condition()
	if err != nil {
		return err
	}
	meta, err := q.meta()
	if err != nil {
		return err
	}
	if q.Header.Get("X-Amz-Copy-Source") != "" {
		return q.copyObject(meta, cond)
	}
	body, err := q.body()
	if err != nil {
		return err
	}
	o, err := q.h.Objects.Put(q.Context(), q.bucket, q.key, &learning{body, &meta}, &meta, cond)
	if err != nil {
		return err
	}
	q.version(o)
	q.tellKept(&o.Meta, false)
	q.tellSums(o.Meta.Sums, o.Meta.SumKind)
	q.w.Header().Set("Etag", quoted(o.ETag))
	q.w.WriteHeader(http.StatusOK)
	return nil
}

// learning puts the checksums of a body into the object's description once it has ended.
type learning struct {
	*verified
	meta *object.Meta
}

func (l *learning) Read(p []byte) (int, error) {
	n, err := l.verified.Read(p)
	if err == io.EOF {
		if l.meta.Sums = l.sums(); l.meta.Sums != nil {
			l.meta.SumKind = fullObject
		}
	}
	return n, err
}

func (q *request) version(o object.Object) {
	if o.Version != "null" && o.Version != "" {
		q.w.Header().Set("X-Amz-Version-Id", o.Version)
	}
}

func (q *request) getObject() error {
	o, f, err := q.h.Objects.Get(q.Context(), q.bucket, q.key, q.query.Get("versionId"))
	if err != nil {
		if o.Deleted {
			q.w.Header().Set("X-Amz-Delete-Marker", "true")
			q.version(o)
		}
		if errors.Is(err, object.ErrMarker) {
			q.w.Header().Set("Allow", "DELETE")
			q.w.Header().Set("Last-Modified", o.Modified.Format(http.TimeFormat))
		}
		return err
	}
	defer f.Close()
	h := q.w.Header()
	for name, value := range map[string]string{
		"Content-Type": o.Meta.ContentType, "Content-Encoding": o.Meta.ContentEncoding,
		"Content-Disposition": o.Meta.ContentDisposition,
		"Content-Language":    o.Meta.ContentLanguage, "Cache-Control": o.Meta.CacheControl, "Expires": o.Meta.Expires,
	} {
		if override := q.query.Get("response-" + strings.ToLower(name)); override != "" {
			value = override
		}
		if value != "" {
			h.Set(name, value)
		}
	}
	if h.Get("Content-Type") == "" {
		h.Set("Content-Type", "binary/octet-stream")
	}
	for name, value := range maps.All(o.Meta.User) {
		h["x-amz-meta-"+name] = []string{value} // in lower case, as S3 does: clients take the names as they come
	}
	q.version(o)
	h.Set("Etag", quoted(o.ETag))
	q.tellKept(&o.Meta, true)
	if n := len(o.Meta.Tags); n > 0 {
		h.Set("X-Amz-Tagging-Count", strconv.Itoa(n))
	}
	if len(o.Meta.Parts) > 0 && q.query.Has("partNumber") {
		h.Set("X-Amz-Mp-Parts-Count", strconv.Itoa(len(o.Meta.Parts)))
	}
	r, err := q.partRange(&o)
	if err != nil {
		return err
	}
	if q.wantsSums() && r.Header.Get("Range") == "" {
		q.tellSums(o.Meta.Sums, o.Meta.SumKind)
	}
	// Ranges and conditions are HTTP's own, and so is how they are answered.
	http.ServeContent(&worded{q.w, q, false}, r, "", o.Modified.Truncate(time.Second), f)
	return nil
}

// worded passes an answer on, and replaces errors by S3's.
type worded struct {
	http.ResponseWriter
	q      *request
	failed bool
}

func (w *worded) WriteHeader(status int) {
	if status >= http.StatusMultipleChoices { // a checksum is one of data that comes with it
		for name := range algorithms {
			w.Header().Del("X-Amz-Checksum-" + name)
		}
		w.Header().Del("X-Amz-Checksum-Type")
	}
	switch status {
	case http.StatusRequestedRangeNotSatisfiable:
		w.failed = true
		w.q.fail(&Error{status, "InvalidRange", "The requested range is not satisfiable"})
	case http.StatusPreconditionFailed:
		w.failed = true
		w.q.fail(object.ErrPrecondition)
	default:
		w.ResponseWriter.WriteHeader(status)
	}
}

func (w *worded) Write(p []byte) (int, error) {
	if w.failed {
		return len(p), nil
	}
	return w.ResponseWriter.Write(p)
}

// ReadFrom lets the kernel copy a file to the connection.
func (w *worded) ReadFrom(r io.Reader) (int64, error) {
	if w.failed {
		return io.Copy(io.Discard, r)
	}
	return io.Copy(w.ResponseWriter, r)
}

func (q *request) deleteObject() error {
	o, err := q.h.Objects.Delete(q.Context(), q.bucket, q.key, q.query.Get("versionId"))
	if err != nil {
		return err
	}
	q.version(o)
	if o.Deleted {
		q.w.Header().Set("X-Amz-Delete-Marker", "true")
	}
	q.w.WriteHeader(http.StatusNoContent)
	return nil
}

func (q *request) deleteObjects() error {
	var in struct {
		Quiet  bool
		Object []struct{ Key, VersionId string }
	}
	if err := q.small(&in); err != nil {
		return err
	}
	if len(in.Object) == 0 || len(in.Object) > maxKeys {
		return fail(http.StatusBadRequest, "MalformedXML", "Delete takes 1 to 1000 objects.")
	}
	type deleted struct {
		Key                   string
		VersionId             string `xml:",omitempty"`
		DeleteMarker          bool   `xml:",omitempty"`
		DeleteMarkerVersionId string `xml:",omitempty"`
	}
	type undeleted struct {
		Key       string
		VersionId string `xml:",omitempty"`
		Code      string
		Message   string
	}
	out := struct {
		XMLName xml.Name `xml:"DeleteResult"`
		Xmlns   string   `xml:"xmlns,attr"`
		Deleted []deleted
		Error   []undeleted
	}{Xmlns: namespace}
	for _, key := range in.Object {
		err := q.mayKey("DeleteObject", q.bucket, key.Key, key.VersionId)
		var o object.Object
		if err == nil {
			o, err = q.h.Objects.Delete(q.Context(), q.bucket, key.Key, key.VersionId)
		}
		if e := known(err); e != nil && e.Status < http.StatusInternalServerError && e.Code != "NoSuchBucket" {
			out.Error = append(out.Error, undeleted{key.Key, key.VersionId, e.Code, e.Message})
			continue
		}
		if err != nil {
			return err
		}
		if in.Quiet {
			continue
		}
		d := deleted{Key: key.Key, VersionId: key.VersionId}
		if o.Deleted {
			d.DeleteMarker, d.DeleteMarkerVersionId = true, o.Version
		}
		out.Deleted = append(out.Deleted, d)
	}
	q.xml(http.StatusOK, out)
	return nil
}
