package s3

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"

	"slipway/internal/object"
)

// Kinds of checksums of an object, with S3's names: of all its bytes, or of its parts' checksums.
const (
	fullObject = "FULL_OBJECT"
	composite  = "COMPOSITE"
)

// announced is the checksum algorithm that a request names, lower-case; "" for none.
func (q *request) announced() string {
	for _, name := range []string{"X-Amz-Checksum-Algorithm", "X-Amz-Sdk-Checksum-Algorithm"} {
		if v := strings.ToLower(q.Header.Get(name)); v != "" {
			return v
		}
	}
	return ""
}

// uploadChecksum is the checksum that CreateMultipartUpload asks for: the algorithm, and how the checksum of the whole
// is made.
func (q *request) uploadChecksum() (algorithm, kind string, err error) {
	algorithm, kind = strings.ToLower(q.Header.Get("X-Amz-Checksum-Algorithm")), q.Header.Get("X-Amz-Checksum-Type")
	if algorithm == "" {
		return "", "", nil
	}
	if algorithms[algorithm] == nil {
		return "", "", invalid(
			"Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, " +
				"CRC32C, CRC64NVME, SHA1, SHA256]")
	}
	isCRC := strings.HasPrefix(algorithm, "crc")
	switch {
	case kind == "" && algorithm == "crc64nvme":
		kind = fullObject
	case kind == "":
		kind = composite
	case kind == fullObject && !isCRC, kind == composite && algorithm == "crc64nvme":
		return "", "", fail(http.StatusBadRequest, "InvalidRequest",
			fmt.Sprintf("The %s checksum type cannot be used with the %s checksum algorithm.", kind, algorithm))
	case kind != fullObject && kind != composite:
		return "", "", invalid("Value for x-amz-checksum-type header is invalid.")
	}
	return algorithm, kind, nil
}

// sums returns the x-amz-checksum- values of a body that was read without an error, by algorithm in lower case.
func (v *verified) sums() map[string]string {
	out := map[string]string{}
	for _, s := range v.expected {
		if s.algorithm != "" {
			out[s.algorithm] = base64.StdEncoding.EncodeToString(s.hash.Sum(nil))
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// want has a checksum computed that the client did not send.
func (v *verified) want(algorithm string) {
	for _, e := range v.expected {
		if e.algorithm == algorithm {
			return
		}
	}
	if make := algorithms[algorithm]; make != nil {
		v.expected = append(v.expected, expected{hash: make(), algorithm: algorithm})
	}
}

// tellSums sends checksums as headers.
func (q *request) tellSums(sums map[string]string, kind string) {
	for name, value := range sums {
		q.w.Header().Set("X-Amz-Checksum-"+name, value)
	}
	if len(sums) > 0 && kind != "" {
		q.w.Header().Set("X-Amz-Checksum-Type", kind)
	}
}

// checksumXML are the members of the answers in XML that carry a checksum.
type checksumXML struct {
	ChecksumCRC32     string `xml:",omitempty"`
	ChecksumCRC32C    string `xml:",omitempty"`
	ChecksumCRC64NVME string `xml:",omitempty"`
	ChecksumSHA1      string `xml:",omitempty"`
	ChecksumSHA256    string `xml:",omitempty"`
	ChecksumType      string `xml:",omitempty"`
}

func sumsXML(sums map[string]string, kind string) checksumXML {
	x := checksumXML{ChecksumCRC32: sums["crc32"], ChecksumCRC32C: sums["crc32c"], ChecksumCRC64NVME: sums["crc64nvme"],
		ChecksumSHA1: sums["sha1"], ChecksumSHA256: sums["sha256"]}
	if len(sums) > 0 {
		x.ChecksumType = kind
	}
	return x
}

// sumOf is the checksum that a client names of a part, by an algorithm.
func (x checksumXML) sumOf(algorithm string) string {
	return map[string]string{"crc32": x.ChecksumCRC32, "crc32c": x.ChecksumCRC32C, "crc64nvme": x.ChecksumCRC64NVME,
		"sha1": x.ChecksumSHA1, "sha256": x.ChecksumSHA256}[algorithm]
}

// compose makes the checksum of kind COMPOSITE of the whole: a checksum of the parts' checksums, and their number.
func compose(algorithm string, parts []object.Part) (string, error) {
	h := algorithms[algorithm]()
	for _, p := range parts {
		sum, err := base64.StdEncoding.DecodeString(p.Sums[algorithm])
		if err != nil || len(sum) == 0 {
			return "", fail(http.StatusBadRequest, "InvalidRequest", fmt.Sprintf(
				"The upload was created using a %s checksum. The complete request must include the checksum for each "+
					"part. It was missing for part %d in the request.",
				algorithm, p.Number))
		}
		_, _ = h.Write(sum)
	}
	return fmt.Sprintf("%s-%d", base64.StdEncoding.EncodeToString(h.Sum(nil)), len(parts)), nil
}

// wantsSums reports whether a GET or HEAD asks for the checksums of an object.
func (q *request) wantsSums() bool {
	return strings.EqualFold(q.Header.Get("X-Amz-Checksum-Mode"), "ENABLED")
}
