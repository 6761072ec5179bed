package s3

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"slipway/internal/object"
)

func (q *request) startUpload() error {
	if err := q.checkKey(); err != nil {
		return err
	}
	meta, err := q.meta()
	if err != nil {
		return err
	}
	u, err := q.h.Objects.StartUpload(q.Context(), q.bucket, q.key, meta)
	if err != nil {
		return err
	}
	q.xml(http.StatusOK, struct {
		XMLName               xml.Name `xml:"InitiateMultipartUploadResult"`
		Xmlns                 string   `xml:"xmlns,attr"`
		Bucket, Key, UploadId string
	}{Xmlns: namespace, Bucket: q.bucket, Key: q.key, UploadId: u.ID})
	return nil
}

func (q *request) upload() (object.Upload, error) {
	return q.h.Objects.FindUpload(q.Context(), q.bucket, q.key, q.query.Get("uploadId"))
}

func (q *request) putPart() error {
	number, err := strconv.Atoi(q.query.Get("partNumber"))
	if err != nil || number < 1 || number > 10000 {
		return invalid("Part number must be an integer between 1 and 10000, inclusive")
	}
	u, err := q.upload()
	if err != nil {
		return err
	}
	if q.Header.Get("X-Amz-Copy-Source") != "" {
		return q.copyPart(u, number)
	}
	body, err := q.body()
	if err != nil {
		return err
	}
	p, err := q.h.Objects.PutPart(q.Context(), u, number, body)
	if err != nil {
		return err
	}
	q.w.Header().Set("Etag", quoted(p.ETag))
	q.w.WriteHeader(http.StatusOK)
	return nil
}

func (q *request) copyPart(u object.Upload, number int) error {
	from, f, err := q.source()
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	first, last := int64(0), from.Size-1
	if r := q.Header.Get("X-Amz-Copy-Source-Range"); r != "" {
		if n, err := fmt.Sscanf(r, "bytes=%d-%d", &first, &last); err != nil || n != 2 || first < 0 || first > last || last >= from.Size {
			return invalid("The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy")
		}
	}
	p, err := q.h.Objects.PutPart(q.Context(), u, number, io.NewSectionReader(f, first, last-first+1))
	if err != nil {
		return err
	}
	q.xml(http.StatusOK, copied{XMLName: xml.Name{Local: "CopyPartResult"}, ETag: quoted(p.ETag), LastModified: xmlTime(p.Modified)})
	return nil
}

func (q *request) finishUpload() error {
	u, err := q.upload()
	if err != nil {
		return err
	}
	cond, err := q.condition()
	if err != nil {
		return err
	}
	var in struct {
		Part []struct {
			PartNumber int
			ETag       string
		}
	}
	if err := q.small(&in); err != nil {
		return err
	}
	if len(in.Part) == 0 {
		return fail(http.StatusBadRequest, "MalformedXML", "You must specify at least one part")
	}
	parts := make([]object.Part, len(in.Part))
	for i, p := range in.Part {
		parts[i] = object.Part{Number: p.PartNumber, ETag: unquoted(p.ETag)}
	}
	o, err := q.h.Objects.FinishUpload(q.Context(), u, parts, cond)
	if err != nil {
		return err
	}
	q.version(o)
	q.xml(http.StatusOK, struct {
		XMLName                     xml.Name `xml:"CompleteMultipartUploadResult"`
		Xmlns                       string   `xml:"xmlns,attr"`
		Location, Bucket, Key, ETag string
	}{Xmlns: namespace, Location: "/" + q.bucket + "/" + q.key, Bucket: q.bucket, Key: q.key, ETag: quoted(o.ETag)})
	return nil
}

func (q *request) abortUpload() error {
	u, err := q.upload()
	if err != nil {
		return err
	}
	if err := q.h.Objects.AbortUpload(q.Context(), u); err != nil {
		return err
	}
	q.w.WriteHeader(http.StatusNoContent)
	return nil
}

func (q *request) listParts() error {
	u, err := q.upload()
	if err != nil {
		return err
	}
	limit, err := q.limit("max-parts")
	if err != nil {
		return err
	}
	after := 0
	if m := q.query.Get("part-number-marker"); m != "" {
		if after, err = strconv.Atoi(m); err != nil {
			return invalid("part-number-marker must be a number")
		}
	}
	parts, err := q.h.Objects.Parts(q.Context(), u, after, limit+1)
	if err != nil {
		return err
	}
	type part struct {
		PartNumber   int
		LastModified xmlTime
		ETag         string
		Size         int64
	}
	out := struct {
		XMLName               xml.Name `xml:"ListPartsResult"`
		Xmlns                 string   `xml:"xmlns,attr"`
		Bucket, Key, UploadId string
		PartNumberMarker      int
		NextPartNumberMarker  int `xml:",omitempty"`
		MaxParts              int
		IsTruncated           bool
		StorageClass          string
		Part                  []part
	}{Xmlns: namespace, Bucket: q.bucket, Key: q.key, UploadId: u.ID, PartNumberMarker: after, MaxParts: limit, IsTruncated: len(parts) > limit, StorageClass: "STANDARD"}
	for _, p := range parts[:min(len(parts), limit)] {
		out.Part = append(out.Part, part{p.Number, xmlTime(p.Modified), quoted(p.ETag), p.Size})
		out.NextPartNumberMarker = p.Number
	}
	q.xml(http.StatusOK, out)
	return nil
}

func (q *request) listUploads() error {
	if _, err := q.h.Objects.Bucket(q.Context(), q.bucket); err != nil {
		return err
	}
	limit, err := q.limit("max-uploads")
	if err != nil {
		return err
	}
	us, err := q.h.Objects.Uploads(q.Context(), q.bucket, q.query.Get("prefix"), q.query.Get("key-marker"), limit+1)
	if err != nil {
		return err
	}
	type upload struct {
		Key, UploadId string
		Initiated     xmlTime
		StorageClass  string
	}
	out := struct {
		XMLName       xml.Name `xml:"ListMultipartUploadsResult"`
		Xmlns         string   `xml:"xmlns,attr"`
		Bucket        string
		KeyMarker     string
		NextKeyMarker string `xml:",omitempty"`
		MaxUploads    int
		IsTruncated   bool
		Upload        []upload
	}{Xmlns: namespace, Bucket: q.bucket, KeyMarker: q.query.Get("key-marker"), MaxUploads: limit, IsTruncated: len(us) > limit}
	for _, u := range us[:min(len(us), limit)] {
		out.Upload = append(out.Upload, upload{u.Key, u.ID, xmlTime(u.Started), "STANDARD"})
		out.NextKeyMarker = u.Key
	}
	q.xml(http.StatusOK, out)
	return nil
}
