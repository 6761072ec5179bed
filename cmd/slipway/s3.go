package main

import (
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"
	"time"

	"slipway/internal/terminal"
)

type s3Command struct {
	Mb s3MbCommand `cmd:"" help:"Create a bucket."`
	Ls s3LsCommand `cmd:"" help:"List buckets, or the objects of one."`
	Cp s3CpCommand `cmd:"" help:"Copy a file to an object, or an object to a file."`
	Rm s3RmCommand `cmd:"" help:"Delete an object."`
}

func (*s3Command) Help() string {
	return "What `aws s3` does with buckets and objects, for machines without the aws CLI.\n\n  slipway s3 mb " +
		"s3://web-artifacts\n  slipway s3 cp bundle.zip s3://web-artifacts/bundle.zip\n  slipway s3 ls " +
		"s3://web-artifacts"
}

type s3MbCommand struct {
	client
	Bucket string `arg:"" help:"s3://BUCKET"`
}

func (*s3MbCommand) Help() string { return "Creates a bucket.\n\n  slipway s3 mb s3://web-artifacts" }

func (c *s3MbCommand) Run(ctx context.Context) error {
	bucket, key, err := objectAt(c.Bucket)
	if err == nil && key != "" {
		err = usage("%s names an object; a bucket is s3://BUCKET", c.Bucket)
	}
	if err != nil {
		return err
	}
	resp, err := c.s3(ctx, http.MethodPut, bucket, "", nil, nil, 0)
	if err != nil {
		return err
	}
	resp.Body.Close()
	_, err = fmt.Fprintln(os.Stdout, "The bucket s3://"+terminal.Clean(bucket)+" is created.")
	return err
}

type s3LsCommand struct {
	client
	printer
	Place string `arg:"" optional:"" help:"s3://BUCKET, or s3://BUCKET/PREFIX; without it, all buckets."`
}

func (*s3LsCommand) Help() string {
	return "Lists buckets, or the objects of a bucket whose keys begin with a prefix.\n\n" +
		"  slipway s3 ls\n" +
		"  slipway s3 ls s3://web-artifacts/web/"
}

// s3Object is an object of a list.
type s3Object struct {
	Key          string    `json:"key" xml:"Key"`
	Size         int64     `json:"size" xml:"Size"`
	LastModified time.Time `json:"lastModified" xml:"LastModified"`
}

func (c *s3LsCommand) Run(ctx context.Context) error {
	if c.Place == "" {
		return c.buckets(ctx)
	}
	bucket, prefix, err := objectAt(c.Place)
	if err != nil {
		return err
	}
	objects := []s3Object{}
	for q := (url.Values{"list-type": {"2"}, "prefix": {prefix}}); ; {
		resp, err := c.s3(ctx, http.MethodGet, bucket, "", q, nil, 0)
		if err != nil {
			return err
		}
		var page struct {
			Contents              []s3Object
			NextContinuationToken string
		}
		err = xml.NewDecoder(resp.Body).Decode(&page)
		resp.Body.Close()
		if err != nil {
			return fmt.Errorf("the list of %s cannot be read", c.Place)
		}
		objects = append(objects, page.Contents...)
		if page.NextContinuationToken == "" {
			break
		}
		q.Set("continuation-token", page.NextContinuationToken)
	}
	return c.print(map[string]any{"objects": objects}, func(t *terminal.Table) {
		t.Head("MODIFIED", "SIZE", "KEY")
		for _, o := range objects {
			t.Row(
				terminal.Text(o.LastModified.UTC().Format(time.DateTime)),
				terminal.Text(fmt.Sprint(o.Size)),
				terminal.Text(o.Key),
			)
		}
		if len(objects) == 0 {
			t.Note("No objects in " + terminal.Clean(c.Place))
		}
	})
}

func (c *s3LsCommand) buckets(ctx context.Context) error {
	resp, err := c.s3(ctx, http.MethodGet, "", "", nil, nil, 0)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var list struct {
		Buckets []string `xml:"Buckets>Bucket>Name"`
	}
	if err := xml.NewDecoder(resp.Body).Decode(&list); err != nil {
		return fmt.Errorf("the list of buckets cannot be read")
	}
	return c.print(map[string]any{"buckets": append([]string{}, list.Buckets...)}, func(t *terminal.Table) {
		t.Head("BUCKET")
		for _, name := range list.Buckets {
			t.Row(terminal.Text("s3://" + name))
		}
		if len(list.Buckets) == 0 {
			t.Note("No buckets yet. Create one with: slipway s3 mb s3://NAME")
		}
	})
}

type s3CpCommand struct {
	client
	From string `arg:"" help:"A file, or s3://BUCKET/KEY."`
	To   string `arg:"" help:"s3://BUCKET/KEY, or a file; - is standard output."`
}

func (*s3CpCommand) Help() string {
	return "Copies a file to an object or an object to a file. A place that ends with / gets the name of what is " +
		"copied.\n\n" +
		"  slipway s3 cp bundle.zip s3://web-artifacts/\n" +
		"  slipway s3 cp s3://web-artifacts/bundle.zip .\n" +
		"  slipway s3 cp s3://web-artifacts/notes.txt -"
}

func (c *s3CpCommand) Run(ctx context.Context) error {
	from, to := strings.HasPrefix(c.From, "s3://"), strings.HasPrefix(c.To, "s3://")
	switch {
	case from == to:
		return usage("one of %s and %s must be an object, s3://BUCKET/KEY, and the other a file", c.From, c.To)
	case to:
		return c.upload(ctx)
	}
	return c.download(ctx)
}

func (c *s3CpCommand) upload(ctx context.Context) error {
	bucket, key, err := objectAt(c.To)
	if err != nil {
		return err
	}
	if key == "" || strings.HasSuffix(key, "/") {
		key += path.Base(c.From)
	}
	f, err := os.Open(c.From)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.IsDir() {
		return usage("%s is a folder; name a file", c.From)
	}
	resp, err := c.s3(ctx, http.MethodPut, bucket, key, nil, f, info.Size())
	if err != nil {
		return err
	}
	resp.Body.Close()
	_, err = fmt.Fprintf(
		os.Stdout,
		"%s is copied to s3://%s/%s, %d bytes.\n",
		terminal.Clean(c.From),
		terminal.Clean(bucket),
		terminal.Clean(key),
		info.Size(),
	)
	return err
}

func (c *s3CpCommand) download(ctx context.Context) error {
	bucket, key, err := objectAt(c.From)
	if err == nil && key == "" {
		err = usage("%s is a bucket; name an object, s3://BUCKET/KEY", c.From)
	}
	if err != nil {
		return err
	}
	resp, err := c.s3(ctx, http.MethodGet, bucket, key, nil, nil, 0)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if c.To == "-" {
		_, err = io.Copy(os.Stdout, resp.Body)
		return err
	}
	name := c.To
	if info, err := os.Stat(name); err == nil && info.IsDir() || strings.HasSuffix(name, "/") {
		name = path.Join(name, path.Base(key))
	}
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	n, err := io.Copy(f, resp.Body)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("%s: it broke off after %d bytes", name, n)
	}
	_, err = fmt.Fprintf(os.Stdout, "%s is copied to %s, %d bytes.\n", terminal.Clean(c.From), terminal.Clean(name), n)
	return err
}

type s3RmCommand struct {
	client
	Object string `arg:"" help:"s3://BUCKET/KEY"`
}

func (*s3RmCommand) Help() string {
	return "Deletes an object. With versioning the older versions stay.\n\n  slipway s3 rm " +
		"s3://web-artifacts/bundle.zip"
}

func (c *s3RmCommand) Run(ctx context.Context) error {
	bucket, key, err := objectAt(c.Object)
	if err == nil && key == "" {
		err = usage("%s is a bucket; name an object, s3://BUCKET/KEY", c.Object)
	}
	if err != nil {
		return err
	}
	resp, err := c.s3(ctx, http.MethodDelete, bucket, key, nil, nil, 0)
	if err != nil {
		return err
	}
	resp.Body.Close()
	_, err = fmt.Fprintln(os.Stdout, terminal.Clean(c.Object)+" is deleted.")
	return err
}

// objectAt reads s3://BUCKET/KEY.
func objectAt(s string) (bucket, key string, err error) {
	rest, ok := strings.CutPrefix(s, "s3://")
	bucket, key, _ = strings.Cut(rest, "/")
	if !ok || bucket == "" {
		return "", "", usage("%q is not a place in a bucket: it has the form s3://BUCKET/KEY", s)
	}
	return bucket, key, nil
}

// s3 sends one signed request and returns the answer if it succeeded. The body is not signed, which AWS allows. size is
// its length in bytes.
func (c client) s3(
	ctx context.Context,
	method, bucket, key string,
	q url.Values,
	body io.Reader,
	size int64,
) (*http.Response, error) {
	at, err := serverAt(c.Endpoint)
	if err != nil {
		return nil, err
	}
	k, err := keys()
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(strings.TrimSuffix(at, "/"))
	if err != nil {
		return nil, err
	}
	u.Path = "/" + bucket
	if key != "" {
		u.Path += "/" + key
	}
	u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20")
	if size == 0 {
		body = nil
	}
	r, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return nil, err
	}
	r.ContentLength = size
	region := c.Region
	if region == "" {
		region = defaultRegion
	}
	k.Sign(r, "UNSIGNED-PAYLOAD", region, "s3", time.Now())
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode < http.StatusMultipleChoices {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, s3Refusal(resp, bucket, key)
}

// s3Refusal is what S3 says of a request that failed.
func s3Refusal(resp *http.Response, bucket, key string) error {
	var said struct{ Code, Message string }
	_ = xml.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&said) // an answer without a body has none
	at := strings.TrimSuffix("s3://"+bucket+"/"+key, "/")
	code := exitFailed
	switch {
	case resp.StatusCode == http.StatusNotFound:
		code = exitMissing
	case resp.StatusCode == http.StatusForbidden:
		code = exitAccess
	case resp.StatusCode == http.StatusConflict:
		code = exitState
	case resp.StatusCode >= http.StatusInternalServerError:
		code = exitServer
	}
	if said.Message == "" {
		said.Message = http.StatusText(resp.StatusCode)
	}
	return exit(code, fmt.Errorf("%s: %s", at, said.Message))
}
