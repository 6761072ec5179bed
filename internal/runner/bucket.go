package runner

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"slipway/api/awsproto/sigv4"
)

// maxObject is the most bytes that one PUT takes; S3's limit.
const maxObject = 5 << 30

// objects is the server's S3 face, as the runner uses it.
type objects struct {
	endpoint string
	region   string
	identity Identity
	client   *http.Client
	// away, if set, is told when the server does not answer and the call is tried again.
	away func(error)
}

// awayError is of a server that does not answer, or could not.
type awayError struct {
	error
	answered bool
}

func (e *awayError) Unwrap() error { return e.error }

// maxAnswered is how often a call is tried that the server answers with an error of its own.
const maxAnswered = 6

// persist repeats a call while the server is away, as long as the build may take: builds go on while it restarts.
func (o *objects) persist(ctx context.Context, call func() error) error {
	answered := 0
	for pause := time.Duration(0); ; {
		err := call()
		e, ok := errors.AsType[*awayError](err)
		if !ok || ctx.Err() != nil {
			return err
		}
		if e.answered {
			if answered++; answered == maxAnswered {
				return err
			}
		}
		if pause == 0 && o.away != nil {
			o.away(err)
		}
		pause = min(max(2*pause, 50*time.Millisecond), maxBackoff)
		wait(ctx, pause)
	}
}

// do makes a signed request; the body is streamed and not signed.
func (o *objects) do(ctx context.Context, method, bucket, key string, query url.Values, body io.Reader, length int64,
	header map[string]string) (*http.Response, error) {
	base, err := url.Parse(strings.TrimSuffix(o.endpoint, "/"))
	if err != nil {
		return nil, err
	}
	u := *base
	u.Path = base.Path + "/" + bucket
	if key != "" {
		u.Path += "/" + key
	}
	u.RawPath = sigv4.Escape(u.Path, false)
	u.RawQuery = query.Encode()
	r, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return nil, err
	}
	r.ContentLength = length
	for k, v := range header {
		r.Header.Set(k, v)
	}
	as, err := o.identity.Credentials(ctx)
	if err != nil {
		return nil, &awayError{err, false}
	}
	as.Key.Sign(r, sigv4.UnsignedPayload, o.region, "s3", time.Now())
	resp, err := o.client.Do(r)
	if err != nil {
		return nil, &awayError{err, false}
	}
	if resp.StatusCode/100 != 2 {
		defer resp.Body.Close()
		var e struct{ Code, Message string }
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
		if xml.Unmarshal(text, &e) != nil || e.Code == "" {
			e.Code = resp.Status
		}
		err := fmt.Errorf("s3://%s/%s: %s: %s", bucket, key, e.Code, e.Message)
		if resp.StatusCode >= http.StatusInternalServerError {
			err = &awayError{err, true}
		}
		return nil, err
	}
	return resp, nil
}

// get streams an object into w; more than limit bytes are an error. What a server that went away has sent already is
// not asked for again.
func (o *objects) get(ctx context.Context, bucket, key, version string, w io.Writer, limit int64) error {
	q := url.Values{}
	if version != "" {
		q.Set("versionId", version)
	}
	var got int64
	var tag string
	return o.persist(ctx, func() error {
		header := map[string]string{}
		if got > 0 {
			header["Range"], header["If-Match"] = fmt.Sprintf("bytes=%d-", got), tag
		}
		resp, err := o.do(ctx, http.MethodGet, bucket, key, q, nil, 0, header)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		tag = resp.Header.Get("ETag")
		broken := &remembering{Reader: resp.Body}
		n, err := io.Copy(w, io.LimitReader(broken, limit-got+1))
		got += n
		switch {
		case broken.err != nil:
			return &awayError{fmt.Errorf("s3://%s/%s: %w", bucket, key, broken.err), false}
		case err != nil:
			return fmt.Errorf("s3://%s/%s: %w", bucket, key, err)
		case got > limit:
			return fmt.Errorf("s3://%s/%s has more than %d bytes", bucket, key, limit)
		case resp.ContentLength >= 0 && n != resp.ContentLength:
			return fmt.Errorf("s3://%s/%s: got %d of %d bytes", bucket, key, n, resp.ContentLength)
		}
		return nil
	})
}

// remembering keeps the error of a reader, to tell it from a writer's.
type remembering struct {
	io.Reader
	err error
}

func (r *remembering) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		r.err = err
	}
	return n, err
}

// put uploads a file from its beginning.
func (o *objects) put(ctx context.Context, bucket, key string, file *os.File, size int64,
	header map[string]string) error {
	if size > maxObject {
		return fmt.Errorf("s3://%s/%s would have %d bytes; an artifact may have %d", bucket, key, size,
			int64(maxObject))
	}
	return o.persist(ctx, func() error {
		var body io.Reader = http.NoBody
		if size > 0 {
			body = io.NewSectionReader(file, 0, size) // hides Close, which the client would call
		}
		resp, err := o.do(ctx, http.MethodPut, bucket, key, nil, body, size, header)
		if err != nil {
			return err
		}
		_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
		return resp.Body.Close()
	})
}

// list calls yield for the objects under a prefix.
func (o *objects) list(ctx context.Context, bucket, prefix string, yield func(key string, size int64) error) error {
	return o.listTimes(ctx, bucket, prefix, func(key string, size int64, _ time.Time) error { return yield(key, size) })
}

// listTimes calls yield for the objects under a prefix, with the times at which they were written.
func (o *objects) listTimes(ctx context.Context, bucket, prefix string,
	yield func(key string, size int64, at time.Time) error) error {
	for token := ""; ; {
		q := url.Values{"list-type": {"2"}, "prefix": {prefix}}
		if token != "" {
			q.Set("continuation-token", token)
		}
		var page struct {
			Contents []struct {
				Key          string
				Size         int64
				LastModified time.Time
			}
			IsTruncated           bool
			NextContinuationToken string
		}
		err := o.persist(ctx, func() error {
			resp, err := o.do(ctx, http.MethodGet, bucket, "", q, nil, 0, nil)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			text, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
			if err != nil {
				return &awayError{err, false}
			}
			return xml.Unmarshal(text, &page)
		})
		if err != nil {
			return fmt.Errorf("list s3://%s/%s: %w", bucket, prefix, err)
		}
		for _, c := range page.Contents {
			if err := yield(c.Key, c.Size, c.LastModified); err != nil {
				return err
			}
		}
		if token = page.NextContinuationToken; !page.IsTruncated {
			return nil
		} else if token == "" {
			return errors.New("list s3://" + bucket + "/" + prefix +
				": a page says that more follow, but not how to get it")
		}
	}
}
