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
	endpoint    string
	region      string
	credentials sigv4.Credentials
	client      *http.Client
}

// request makes a signed request; the body is streamed and not signed.
func (o *objects) do(ctx context.Context, method, bucket, key string, query url.Values, body io.Reader, length int64, header map[string]string) (*http.Response, error) {
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
	o.credentials.Sign(r, sigv4.UnsignedPayload, o.region, "s3", time.Now())
	resp, err := o.client.Do(r)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 != 2 {
		defer resp.Body.Close()
		var e struct{ Code, Message string }
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
		if xml.Unmarshal(text, &e) != nil || e.Code == "" {
			e.Code = resp.Status
		}
		return nil, fmt.Errorf("s3://%s/%s: %s: %s", bucket, key, e.Code, e.Message)
	}
	return resp, nil
}

// get streams an object into w; more than limit bytes are an error.
func (o *objects) get(ctx context.Context, bucket, key, version string, w io.Writer, limit int64) error {
	q := url.Values{}
	if version != "" {
		q.Set("versionId", version)
	}
	resp, err := o.do(ctx, http.MethodGet, bucket, key, q, nil, 0, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	n, err := io.Copy(w, io.LimitReader(resp.Body, limit+1))
	switch {
	case err != nil:
		return fmt.Errorf("s3://%s/%s: %w", bucket, key, err)
	case n > limit:
		return fmt.Errorf("s3://%s/%s has more than %d bytes", bucket, key, limit)
	case resp.ContentLength >= 0 && n != resp.ContentLength:
		return fmt.Errorf("s3://%s/%s: got %d of %d bytes", bucket, key, n, resp.ContentLength)
	}
	return nil
}

// put uploads a file from its beginning.
func (o *objects) put(ctx context.Context, bucket, key string, file *os.File, size int64, header map[string]string) error {
	if size > maxObject {
		return fmt.Errorf("s3://%s/%s would have %d bytes; an artifact may have %d", bucket, key, size, int64(maxObject))
	}
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
}

// list calls yield for the objects under a prefix.
func (o *objects) list(ctx context.Context, bucket, prefix string, yield func(key string, size int64) error) error {
	for token := ""; ; {
		q := url.Values{"list-type": {"2"}, "prefix": {prefix}}
		if token != "" {
			q.Set("continuation-token", token)
		}
		resp, err := o.do(ctx, http.MethodGet, bucket, "", q, nil, 0, nil)
		if err != nil {
			return err
		}
		var page struct {
			Contents []struct {
				Key  string
				Size int64
			}
			IsTruncated           bool
			NextContinuationToken string
		}
		err = xml.NewDecoder(io.LimitReader(resp.Body, 64<<20)).Decode(&page)
		_ = resp.Body.Close()
		if err != nil {
			return fmt.Errorf("list s3://%s/%s: %w", bucket, prefix, err)
		}
		for _, c := range page.Contents {
			if err := yield(c.Key, c.Size); err != nil {
				return err
			}
		}
		if token = page.NextContinuationToken; !page.IsTruncated {
			return nil
		} else if token == "" {
			return errors.New("list s3://" + bucket + "/" + prefix + ": a page says that more follow, but not how to get it")
		}
	}
}
