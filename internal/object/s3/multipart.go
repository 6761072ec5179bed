package s3

import (
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

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
	if meta.SumAlgorithm, meta.SumKind, err = q.uploadChecksum(); err != nil {
		return err
	}
	u, err := q.h.Objects.StartUpload(q.Context(), q.bucket, q.key, meta)
	if err != nil {
		return err
	}
	q.tellKept(&meta, false)
	if meta.SumAlgorithm != "" {
		q.w.Header().Set("X-Amz-Checksum-Algorithm", strings.ToUpper(meta.SumAlgorithm))
		q.w.Header().Set("X-Amz-Checksum-Type", meta.SumKind)
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
	body.want(u.Meta.SumAlgorithm)
	p, err := q.h.Objects.PutPart(q.Context(), u, number, body, body.sums)
	if err != nil {
		return err
	}
	q.tellKept(&u.Meta, false)
	q.tellSums(p.Sums, "")
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
		if n, err := fmt.Sscanf(r, "bytes=%d-%d", &first, &last); err != nil || n != 2 || first < 0 || first > last ||
			last >= from.Size {
			return invalid(
				"The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the " +
					"zero-based offsets of the first and last bytes to copy")
		}
	}
	body := &verified{q: q, r: io.NewSectionReader(f, first, last-first+1), length: -1}
	body.want(u.Meta.SumAlgorithm)
	p, err := q.h.Objects.PutPart(q.Context(), u, number, body, body.sums)
	if err != nil {
		return err
	}
	q.xml(http.StatusOK,
		copied{
			XMLName:      xml.Name{Local: "CopyPartResult"},
			ETag:         quoted(p.ETag),
			LastModified: xmlTime(p.Modified),
			checksumXML:  sumsXML(p.Sums, ""),
		})
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
			checksumXML
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
	chosen, err := q.h.Objects.Choose(q.Context(), u, parts)
	if err != nil {
		return err
	}
	meta, whole := u.Meta, &verified{q: q, length: -1}
	for i, p := range chosen {
		meta.Parts = append(meta.Parts, p.Size)
		if sum := in.Part[i].sumOf(meta.SumAlgorithm); sum != "" && sum != p.Sums[meta.SumAlgorithm] {
			return fmt.Errorf("part %d: %w", p.Number, object.ErrBadPart)
		}
	}
	if err := q.sumWhole(&meta, chosen, whole); err != nil {
		return err
	}
	through := func(r io.Reader) io.Reader {
		whole.r = r
		return &summed{whole, &meta}
	}
	o, err := q.h.Objects.FinishUpload(q.Context(), u, chosen, through, &meta, cond)
	if err != nil {
		return err
	}
	q.version(o)
	q.tellKept(&o.Meta, false)
	q.xml(http.StatusOK, struct {
		XMLName                     xml.Name `xml:"CompleteMultipartUploadResult"`
		Xmlns                       string   `xml:"xmlns,attr"`
		Location, Bucket, Key, ETag string
		checksumXML
	}{Xmlns: namespace, Location: "/" + q.bucket + "/" + q.key, Bucket: q.bucket, Key: q.key, ETag: quoted(o.ETag),
		checksumXML: sumsXML(o.Meta.Sums, o.Meta.SumKind)})
	return nil
}

// sumWhole prepares the checksum of a whole upload, from its parts' checksums or from all its bytes. It is compared
// with the client's.
func (q *request) sumWhole(meta *object.Meta, parts []object.Part, whole *verified) error {
	algorithm := meta.SumAlgorithm
	said := q.Header.Get("X-Amz-Checksum-" + algorithm)
	switch {
	case algorithm == "":
		meta.SumKind = ""
	case meta.SumKind == fullObject:
		whole.want(algorithm)
		if said != "" {
			want, err := base64.StdEncoding.DecodeString(said)
			if err != nil {
				return invalid("Value for x-amz-checksum-" + algorithm + " header is invalid.")
			}
			e := &whole.expected[0]
			e.want, e.code, e.message = want, "BadDigest", "The "+algorithm+
				" you specified did not match the calculated checksum."
		}
	default:
		sum, err := compose(algorithm, parts)
		if err != nil {
			return err
		}
		if said != "" && said != sum && !strings.HasPrefix(sum, said+"-") {
			return fail(http.StatusBadRequest, "BadDigest",
				"The "+algorithm+" you specified did not match the calculated checksum.")
		}
		meta.Sums = map[string]string{algorithm: sum}
	}
	return nil
}

// summed puts the checksum of all bytes of an upload into the object's description once they have ended.
type summed struct {
	*verified
	meta *object.Meta
}

func (s *summed) Read(p []byte) (int, error) {
	n, err := s.verified.Read(p)
	if err == io.EOF {
		if sums := s.sums(); sums != nil {
			s.meta.Sums = sums
		}
	}
	return n, err
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
		checksumXML
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
	}{
		Xmlns:            namespace,
		Bucket:           q.bucket,
		Key:              q.key,
		UploadId:         u.ID,
		PartNumberMarker: after,
		MaxParts:         limit,
		IsTruncated:      len(parts) > limit,
		StorageClass:     classOf(&u.Meta),
	}
	for _, p := range parts[:min(len(parts), limit)] {
		out.Part = append(out.Part, part{p.Number, xmlTime(p.Modified), quoted(p.ETag), p.Size, sumsXML(p.Sums, "")})
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
	}{
		Xmlns:       namespace,
		Bucket:      q.bucket,
		KeyMarker:   q.query.Get("key-marker"),
		MaxUploads:  limit,
		IsTruncated: len(us) > limit,
	}
	for _, u := range us[:min(len(us), limit)] {
		out.Upload = append(out.Upload, upload{u.Key, u.ID, xmlTime(u.Started), classOf(&u.Meta)})
		out.NextKeyMarker = u.Key
	}
	q.xml(http.StatusOK, out)
	return nil
}
