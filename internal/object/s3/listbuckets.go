package s3

import (
	"encoding/xml"
	"math"
	"net/http"
	"strconv"

	"slipway/internal/object"
)

const (
	// maxBuckets is the largest page of ListBuckets, and the one of a request that asks for pages without a size.
	maxBuckets = 10_000
	// unpaged is the limit of a request that asks for no pages, whose answer has all buckets.
	unpaged = math.MaxInt32 - 1
)

// bucketList is the answer of ListBuckets.
type bucketList struct {
	XMLName           xml.Name `xml:"ListAllMyBucketsResult"`
	Xmlns             string   `xml:"xmlns,attr"`
	Owner             owner
	Buckets           []bucketEntry `xml:"Buckets>Bucket"`
	ContinuationToken string        `xml:",omitempty"`
	Prefix            string        `xml:",omitempty"`
}

type bucketEntry struct {
	Name         string
	CreationDate xmlTime
	BucketRegion string `xml:",omitempty"`
}

func (q *request) listBuckets() error {
	query, err := q.bucketQuery()
	if err != nil {
		return err
	}
	here, err := q.asksForRegion()
	if err != nil {
		return err
	}
	var buckets []object.Bucket
	var more bool
	if here {
		if buckets, more, err = q.h.Objects.Buckets(q.Context(), query); err != nil {
			return err
		}
	}
	out := bucketList{Xmlns: namespace, Owner: q.owner(), Prefix: query.Prefix}
	region := ""
	if q.bucketPages() {
		region = q.h.Region
	}
	for _, b := range buckets {
		out.Buckets = append(out.Buckets, bucketEntry{b.Name, xmlTime(b.Created), region})
	}
	if more {
		out.ContinuationToken = continuation(buckets[len(buckets)-1].Name)
	}
	q.xml(http.StatusOK, out)
	return nil
}

// bucketPages reports whether a request asks for pages. With any of these parameters the answer names regions too
// ("ListBuckets", URI Request Parameters).
func (q *request) bucketPages() bool {
	for _, name := range []string{"prefix", "max-buckets", "continuation-token", "bucket-region"} {
		if q.query.Get(name) != "" {
			return true
		}
	}
	return false
}

func (q *request) bucketQuery() (object.BucketQuery, error) {
	query := object.BucketQuery{Prefix: q.query.Get("prefix"), Limit: maxBuckets}
	if !storable(query.Prefix) {
		return query, invalid("prefix must be UTF-8 without NUL")
	}
	if !q.bucketPages() {
		query.Limit = unpaged
	}
	if text := q.query.Get("max-buckets"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxBuckets {
			return query, invalid("max-buckets must be a number from 1 to " + strconv.Itoa(maxBuckets))
		}
		query.Limit = n
	}
	var err error
	query.After, err = place(q.query.Get("continuation-token"))
	return query, err
}

// asksForRegion reports whether the buckets of this server are in the region that a request asks for. As at S3, a
// request that is made to one region cannot ask for the buckets of another.
func (q *request) asksForRegion() (here bool, err error) {
	asked := q.query.Get("bucket-region")
	if asked == "" || asked == q.h.Region {
		return true, nil
	}
	if q.sig != nil && asked == q.sig.Region {
		return false, nil
	}
	return false, invalid("bucket-region is " + asked + ", and this is the endpoint of " + q.h.Region +
		": ask for its buckets, or sign the request for " + asked)
}
