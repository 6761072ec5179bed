package s3

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"slipway/internal/object"
)

// partRange returns the request in the form that http.ServeContent needs: with the range of the part that ?partNumber
// asks for, and with ETags in quotes, which S3's clients may omit.
func (q *request) partRange(o *object.Object) (*http.Request, error) {
	r := q.Clone(q.Context())
	for _, name := range []string{"If-Match", "If-None-Match"} {
		if v := r.Header.Get(name); v != "" {
			r.Header.Set(name, quotedAll(v))
		}
	}
	if !q.query.Has("partNumber") {
		return r, nil
	}
	n, err := strconv.Atoi(q.query.Get("partNumber"))
	if err != nil || n < 1 {
		return nil, invalid("Part number must be an integer between 1 and 10000, inclusive")
	}
	if r.Header.Get("Range") != "" {
		return nil, fail(http.StatusBadRequest, "InvalidRequest",
			"Cannot specify both Range header and partNumber query parameter")
	}
	sizes := o.Meta.Parts
	if len(sizes) == 0 {
		sizes = []int64{o.Size} // an object of one piece is its own first part
	}
	if n > len(sizes) {
		return nil, fail(http.StatusRequestedRangeNotSatisfiable, "InvalidPartNumber",
			"The requested partnumber is not satisfiable")
	}
	var first int64
	for _, size := range sizes[:n-1] {
		first += size
	}
	if sizes[n-1] > 0 {
		r.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", first, first+sizes[n-1]-1))
		r.Header.Del("If-Range")
	}
	return r, nil
}

// quotedAll puts each ETag of a list into quotes.
func quotedAll(list string) string {
	if strings.TrimSpace(list) == "*" {
		return "*"
	}
	var out []string
	for tag := range strings.SplitSeq(list, ",") {
		tag = strings.TrimSpace(tag)
		if !strings.HasPrefix(tag, `"`) && !strings.HasPrefix(tag, `W/"`) {
			tag = quoted(strings.Trim(tag, `"`))
		}
		out = append(out, tag)
	}
	return strings.Join(out, ", ")
}
