package s3

import (
	"encoding/base64"
	"encoding/xml"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"slipway/internal/object"
)

const maxKeys = 1000

type entry struct {
	Key          string
	LastModified xmlTime
	ETag         string
	Size         int64
	StorageClass string
	Owner        *owner `xml:",omitempty"`
}

type commonPrefix struct{ Prefix string }

// listing is the answer of both versions of ListObjects.
type listing struct {
	XMLName               xml.Name `xml:"ListBucketResult"`
	Xmlns                 string   `xml:"xmlns,attr"`
	Name, Prefix          string
	Marker                *string `xml:",omitempty"`
	NextMarker            string  `xml:",omitempty"`
	StartAfter            string  `xml:",omitempty"`
	ContinuationToken     string  `xml:",omitempty"`
	NextContinuationToken string  `xml:",omitempty"`
	KeyCount              *int    `xml:",omitempty"`
	MaxKeys               int
	Delimiter             string `xml:",omitempty"`
	EncodingType          string `xml:",omitempty"`
	IsTruncated           bool
	Contents              []entry
	CommonPrefixes        []commonPrefix
}

// limit reads max-keys or its like.
func (q *request) limit(name string) (int, error) {
	text := q.query.Get(name)
	if text == "" {
		return maxKeys, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, invalid(name + " must be a number from 0 to 1000")
	}
	return min(n, maxKeys), nil
}

// encoder returns the encoding that encoding-type asks for, because keys may have characters that XML cannot hold.
func (q *request) encoder() (func(string) string, error) {
	switch q.query.Get("encoding-type") {
	case "":
		return func(s string) string { return s }, nil
	case "url":
		return url.QueryEscape, nil
	}
	return nil, invalid("Invalid Encoding Method specified in Request")
}

func (q *request) list(after string, withOwner bool) (*listing, object.Page, error) {
	limit, err := q.limit("max-keys")
	if err != nil {
		return nil, object.Page{}, err
	}
	encode, err := q.encoder()
	if err != nil {
		return nil, object.Page{}, err
	}
	prefix, delimiter := q.query.Get("prefix"), q.query.Get("delimiter")
	var page object.Page
	if limit > 0 {
		page, err = q.h.Objects.List(q.Context(), q.bucket,
			object.Query{Prefix: prefix, Delimiter: delimiter, After: after, Limit: limit})
	} else {
		_, err = q.h.Objects.Bucket(q.Context(), q.bucket)
	}
	if err != nil {
		return nil, page, err
	}
	out := &listing{Xmlns: namespace, Name: q.bucket, Prefix: encode(prefix), Delimiter: encode(delimiter),
		MaxKeys:      limit,
		EncodingType: q.query.Get("encoding-type"), IsTruncated: page.Next != ""}
	for _, o := range page.Objects {
		e := entry{
			Key:          encode(o.Key),
			LastModified: xmlTime(o.Modified),
			ETag:         quoted(o.ETag),
			Size:         o.Size,
			StorageClass: classOf(&o.Meta),
		}
		if withOwner {
			e.Owner = new(q.owner())
		}
		out.Contents = append(out.Contents, e)
	}
	for _, p := range page.Prefixes {
		out.CommonPrefixes = append(out.CommonPrefixes, commonPrefix{encode(p)})
	}
	return out, page, nil
}

func quoted(etag string) string { return `"` + etag + `"` }

func (q *request) listV1() error {
	marker := q.query.Get("marker")
	out, page, err := q.list(marker, true)
	if err != nil {
		return err
	}
	encode, err := q.encoder()
	if err != nil {
		return err
	}
	out.Marker = new(encode(marker))
	if page.Next != "" {
		out.NextMarker = encode(page.Next)
	}
	q.xml(http.StatusOK, out)
	return nil
}

// continuation is the token of the page after a name.
func continuation(name string) string { return base64.URLEncoding.EncodeToString([]byte(name)) }

// place reads the name in a continuation token. It is "" for no token.
func place(token string) (string, error) {
	name, err := base64.URLEncoding.DecodeString(token)
	if err != nil || !storable(string(name)) {
		return "", invalid("The continuation token provided is incorrect")
	}
	return string(name), nil
}

// storable reports whether a database can compare a text with names. PostgreSQL takes neither what is no UTF-8 nor NUL.
func storable(text string) bool { return utf8.ValidString(text) && !strings.ContainsRune(text, 0) }

func (q *request) listV2() error {
	token := q.query.Get("continuation-token")
	after, err := place(token)
	if err != nil {
		return err
	}
	if token == "" {
		after = q.query.Get("start-after")
	}
	out, page, err := q.list(after, q.query.Get("fetch-owner") == "true")
	if err != nil {
		return err
	}
	out.ContinuationToken, out.StartAfter = token, q.query.Get("start-after")
	out.KeyCount = new(len(out.Contents) + len(out.CommonPrefixes))
	if page.Next != "" {
		out.NextContinuationToken = continuation(page.Next)
	}
	q.xml(http.StatusOK, out)
	return nil
}

type versionEntry struct {
	XMLName      xml.Name
	Key          string
	VersionId    string
	IsLatest     bool
	LastModified xmlTime
	ETag         string `xml:",omitempty"`
	Size         *int64 `xml:",omitempty"`
	StorageClass string `xml:",omitempty"`
	Owner        owner
}

func (q *request) listVersions() error {
	limit, err := q.limit("max-keys")
	if err != nil {
		return err
	}
	encode, err := q.encoder()
	if err != nil {
		return err
	}
	query := object.Query{Prefix: q.query.Get("prefix"), Delimiter: q.query.Get("delimiter"),
		After:        q.query.Get("key-marker"),
		AfterVersion: q.query.Get("version-id-marker"), Limit: max(limit, 1), Versions: true}
	page, err := q.h.Objects.List(q.Context(), q.bucket, query)
	if err != nil {
		return err
	}
	out := struct {
		XMLName             xml.Name `xml:"ListVersionsResult"`
		Xmlns               string   `xml:"xmlns,attr"`
		Name, Prefix        string
		KeyMarker           string
		VersionIdMarker     string
		NextKeyMarker       string `xml:",omitempty"`
		NextVersionIdMarker string `xml:",omitempty"`
		MaxKeys             int
		Delimiter           string `xml:",omitempty"`
		EncodingType        string `xml:",omitempty"`
		IsTruncated         bool
		Entries             []versionEntry
		CommonPrefixes      []commonPrefix
	}{Xmlns: namespace, Name: q.bucket, Prefix: encode(query.Prefix), KeyMarker: encode(query.After),
		VersionIdMarker: query.AfterVersion, MaxKeys: limit,
		Delimiter: encode(query.Delimiter), EncodingType: q.query.Get("encoding-type"), IsTruncated: page.Next != "",
		NextKeyMarker: encode(page.Next), NextVersionIdMarker: page.NextVersion}
	for _, o := range page.Objects {
		e := versionEntry{
			XMLName:      xml.Name{Local: "Version"},
			Key:          encode(o.Key),
			VersionId:    o.Version,
			IsLatest:     o.Latest,
			LastModified: xmlTime(o.Modified),
			Owner:        q.owner(),
		}
		if o.Deleted {
			e.XMLName.Local = "DeleteMarker"
		} else {
			e.ETag, e.Size, e.StorageClass = quoted(o.ETag), &o.Size, classOf(&o.Meta)
		}
		out.Entries = append(out.Entries, e)
	}
	for _, p := range page.Prefixes {
		out.CommonPrefixes = append(out.CommonPrefixes, commonPrefix{encode(p)})
	}
	q.xml(http.StatusOK, out)
	return nil
}
