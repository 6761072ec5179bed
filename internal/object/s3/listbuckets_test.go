package s3_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// bucketPages reads all pages of a listing and returns the names of each, parted by spaces.
func bucketPages(t *testing.T, c *s3.Client, in *s3.ListBucketsInput) (pages []string) {
	t.Helper()
	for p := s3.NewListBucketsPaginator(c, in); p.HasMorePages(); {
		out, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got, want := deref(out.Prefix), deref(in.Prefix); got != want {
			t.Errorf("the answer says the prefix %q, want %q", got, want)
		}
		var names []string
		for _, b := range out.Buckets {
			if got := deref(b.BucketRegion); got != region {
				t.Errorf("%s is in the region %q, want %q", *b.Name, got, region)
			}
			names = append(names, *b.Name)
		}
		pages = append(pages, strings.Join(names, " "))
	}
	return pages
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// Prefix, page size, token and region each choose buckets. The harness has made "bucket".
func TestListBuckets(t *testing.T) {
	t.Parallel()
	h := open(t)
	for _, name := range []string{"web-2", "app", "web-1", "webs", "web-3"} {
		h.make(name)
	}
	for _, x := range []struct {
		name string
		in   s3.ListBucketsInput
		want []string
	}{
		{"pages", s3.ListBucketsInput{MaxBuckets: new(int32(4))}, []string{"app bucket web-1 web-2", "web-3 webs"}},
		{"last page full", s3.ListBucketsInput{MaxBuckets: new(int32(3))}, []string{"app bucket web-1", "web-2 web-3 webs"}},
		{"prefix", s3.ListBucketsInput{Prefix: new("web-")}, []string{"web-1 web-2 web-3"}},
		{"pages of a prefix", s3.ListBucketsInput{Prefix: new("web-"), MaxBuckets: new(int32(2))},
			[]string{"web-1 web-2", "web-3"}},
		{"prefix that is a name", s3.ListBucketsInput{Prefix: new("app")}, []string{"app"}},
		{"prefix of none", s3.ListBucketsInput{Prefix: new("web_")}, []string{""}},
		{"home region", s3.ListBucketsInput{BucketRegion: new(region), Prefix: new("a")}, []string{"app"}},
	} {
		if got := bucketPages(t, h.client, &x.in); !slices.Equal(got, x.want) {
			t.Errorf("%s: got %q, want %q", x.name, got, x.want)
		}
	}
	elsewhere := s3.New(h.client.Options(), func(o *s3.Options) { o.Region = otherRegion })
	if got := bucketPages(t, elsewhere, &s3.ListBucketsInput{BucketRegion: new(otherRegion)}); got[0] != "" {
		t.Errorf("buckets of a region that has none: %q", got)
	}
	all, err := h.client.ListBuckets(t.Context(), &s3.ListBucketsInput{})
	if err != nil || len(all.Buckets) != 6 || all.ContinuationToken != nil || all.Buckets[0].BucketRegion != nil {
		t.Errorf("without parameters: %+v, %v", all, err)
	}
}

func TestListBucketsRefused(t *testing.T) {
	t.Parallel()
	h := open(t)
	for name, in := range map[string]*s3.ListBucketsInput{
		"max-buckets 0":     {MaxBuckets: new(int32(0))},
		"max-buckets 10001": {MaxBuckets: new(int32(10_001))},
		"no token":          {ContinuationToken: new("bucket?")},
		"token with NUL":    {ContinuationToken: new("AGE=")},
		"prefix with NUL":   {Prefix: new("a\x00")},
		"bucket-region":     {BucketRegion: new(otherRegion)},
	} {
		if _, err := h.client.ListBuckets(t.Context(), in); code(err) != "InvalidArgument" {
			t.Errorf("%s: %v, want InvalidArgument", name, err)
		}
	}
}
