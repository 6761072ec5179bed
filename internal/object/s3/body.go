package s3

import (
	"bufio"
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"
	"net/http"
	"strconv"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/awsproto/sigv4"
)

const (
	maxObject = 5 << 30 // bytes in one PUT, as in S3
	maxXML    = 2 << 20
	maxChunk  = 16 << 20
)

// body returns the request's data, decoded and verified. If the data does not match the signature or a checksum, the
// reader returns an error instead of io.EOF.
func (q *request) body() (*verified, error) {
	payload := sigv4.UnsignedPayload
	if q.sig != nil {
		payload = q.sig.PayloadHash
	}
	v := &verified{q: q}
	var raw io.Reader = http.MaxBytesReader(q.w, io.NopCloser(awsproto.Paced(q.w, q.Body)), maxObject+maxObject/8)
	if strings.HasPrefix(payload, "STREAMING-") {
		c := &chunked{
			r:          bufio.NewReaderSize(raw, 64<<10),
			trailer:    http.Header{},
			hasTrailer: strings.HasSuffix(payload, "-TRAILER"),
		}
		switch strings.TrimSuffix(payload, "-TRAILER") {
		case "STREAMING-AWS4-HMAC-SHA256-PAYLOAD":
			c.chain = q.sig.Chunks()
		case "STREAMING-UNSIGNED-PAYLOAD":
		default:
			return nil, fail(http.StatusNotImplemented, "NotImplemented",
				"Slipway does not verify bodies signed as "+payload+".")
		}
		v.trailer = c.trailer
		v.length = -1
		if n := q.Header.Get("X-Amz-Decoded-Content-Length"); n != "" {
			length, err := strconv.ParseInt(n, 10, 64)
			if err != nil || length < 0 {
				return nil, invalid("x-amz-decoded-content-length is no number of bytes")
			}
			v.length = length
		}
		raw = c
	} else {
		v.length = q.ContentLength
		if payload != sigv4.UnsignedPayload {
			want, err := hex.DecodeString(payload)
			if err != nil || len(want) != sha256.Size {
				return nil, invalid("x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-… or a hex SHA-256")
			}
			v.add(sha256.New(), want, "XAmzContentSHA256Mismatch",
				"The provided 'x-amz-content-sha256' header does not match what was computed.")
		}
	}
	if v.length > maxObject {
		return nil, fail(http.StatusBadRequest, "EntityTooLarge",
			"Your proposed upload exceeds the maximum allowed object size of 5 GiB; use a multipart upload.")
	}
	v.r = raw
	return v, v.checksums()
}

// small reads a whole XML request.
func (q *request) small(into any) error {
	b, err := q.body()
	if err != nil {
		return err
	}
	text, err := io.ReadAll(io.LimitReader(b, maxXML+1))
	if err != nil {
		return err
	}
	if len(text) > maxXML {
		return fail(http.StatusBadRequest, "MalformedXML", "The XML is larger than 2 MiB.")
	}
	if err := xml.Unmarshal(text, into); err != nil {
		return malformed(err)
	}
	return nil
}

// verified passes data through and checks it at its end.
type verified struct {
	q        *request
	r        io.Reader
	expected []expected
	length   int64 // -1 if unknown
	read     int64
	trailer  http.Header
}

type expected struct {
	hash          hash.Hash
	algorithm     string // of an x-amz-checksum-
	want          []byte // nil if the sum is only computed
	trailer       string // where the sum comes, if not in a header
	code, message string
}

func (v *verified) add(h hash.Hash, want []byte, code, message string) {
	v.expected = append(v.expected, expected{hash: h, want: want, code: code, message: message})
}

var algorithms = map[string]func() hash.Hash{
	"crc32":     func() hash.Hash { return crc32.NewIEEE() },
	"crc32c":    func() hash.Hash { return crc32.New(crc32.MakeTable(crc32.Castagnoli)) },
	"crc64nvme": func() hash.Hash { return crc64.New(crc64.MakeTable(0x9a6c9329ac4bc9b5)) },
	"sha1":      sha1.New,
	"sha256":    sha256.New,
}

// checksums prepares Content-MD5 and each x-amz-checksum- that a header or a trailer announces.
func (v *verified) checksums() error {
	if m := v.q.Header.Get("Content-Md5"); m != "" {
		want, err := base64.StdEncoding.DecodeString(m)
		if err != nil || len(want) != md5.Size {
			return fail(http.StatusBadRequest, "InvalidDigest", "The Content-MD5 you specified was invalid.")
		}
		v.add(md5.New(), want, "BadDigest", "The Content-MD5 you specified did not match what we received.")
	}
	for name, make := range algorithms {
		header := "X-Amz-Checksum-" + name
		message := "The " + strings.ToUpper(name) + " you specified did not match the calculated checksum."
		if s := v.q.Header.Get(header); s != "" {
			want, err := base64.StdEncoding.DecodeString(s)
			if err != nil {
				return invalid("Value for " + strings.ToLower(header) + " header is invalid.")
			}
			v.expected = append(v.expected,
				expected{hash: make(), algorithm: name, want: want, code: "BadDigest", message: message})
		} else if strings.EqualFold(v.q.Header.Get("X-Amz-Trailer"), header) {
			v.expected = append(v.expected,
				expected{hash: make(), algorithm: name, trailer: header, code: "BadDigest", message: message})
		} else if v.q.announced() == name {
			v.expected = append(v.expected, expected{hash: make(), algorithm: name})
		}
	}
	return nil
}

func (v *verified) Read(p []byte) (int, error) {
	n, err := v.r.Read(p)
	v.read += int64(n)
	for _, s := range v.expected {
		s.hash.Write(p[:n])
	}
	if v.length >= 0 && v.read > v.length {
		return n, fail(http.StatusBadRequest, "IncompleteBody", "The body is longer than its length says.")
	}
	switch err {
	case io.EOF:
		if problem := v.end(); problem != nil {
			return n, problem
		}
	case io.ErrUnexpectedEOF:
		return n, fail(http.StatusBadRequest, "IncompleteBody", "The request ended before its body was complete.")
	}
	return n, err
}

func (v *verified) end() error {
	if v.length >= 0 && v.read != v.length {
		return fail(http.StatusBadRequest, "IncompleteBody",
			"You did not provide the number of bytes specified by the Content-Length HTTP header")
	}
	for _, s := range v.expected {
		if s.trailer != "" {
			var err error
			if s.want, err = base64.StdEncoding.DecodeString(v.trailer.Get(s.trailer)); err != nil {
				return invalid("the trailer " + s.trailer + " is not base64")
			}
		}
		if s.code != "" && subtle.ConstantTimeCompare(s.hash.Sum(nil), s.want) != 1 {
			return fail(http.StatusBadRequest, s.code, s.message)
		}
	}
	return nil
}

// chunked decodes aws-chunked: SIZE[;chunk-signature=SIG] CRLF DATA CRLF … 0[;…] CRLF [trailers] CRLF. If chunks are
// signed, each is verified before any of its bytes is passed on.
type chunked struct {
	r          *bufio.Reader
	chain      *sigv4.Chunks
	hasTrailer bool
	trailer    http.Header
	left       int64         // of an unsigned chunk
	signed     *bytes.Reader // a verified chunk
	done       bool
}

func (c *chunked) Read(p []byte) (int, error) {
	for {
		switch {
		case c.signed != nil && c.signed.Len() > 0:
			return c.signed.Read(p)
		case c.left > 0:
			n, err := c.r.Read(p[:min(int64(len(p)), c.left)])
			if c.left -= int64(n); c.left == 0 && err == nil {
				err = c.crlf()
			}
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return n, err
		case c.done:
			return 0, io.EOF
		}
		if err := c.next(); err != nil {
			return 0, err
		}
	}
}

func (c *chunked) line() (string, error) {
	text, err := c.r.ReadSlice('\n')
	if err != nil {
		return "", io.ErrUnexpectedEOF
	}
	return strings.TrimRight(string(text), "\r\n"), nil
}

func (c *chunked) crlf() error {
	text, err := c.line()
	if err == nil && text != "" {
		return fail(http.StatusBadRequest, "IncompleteBody", "A chunk is longer than it says.")
	}
	return err
}

func (c *chunked) next() error {
	head, err := c.line()
	if err != nil {
		return err
	}
	sizeText, extension, _ := strings.Cut(head, ";")
	size, err := strconv.ParseInt(sizeText, 16, 64)
	if err != nil || size < 0 {
		return fail(http.StatusBadRequest, "InvalidChunkSizeError", fmt.Sprintf("%.40q is no chunk size", sizeText))
	}
	if c.chain == nil {
		if c.left = size; size == 0 {
			return c.end()
		}
		return nil
	}
	if size > maxChunk {
		return fail(http.StatusBadRequest, "InvalidChunkSizeError", "A signed chunk may have 16 MiB at most.")
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(c.r, data); err != nil {
		return io.ErrUnexpectedEOF
	}
	if !c.chain.Chunk(sigv4.HexSHA256(data), strings.TrimPrefix(extension, "chunk-signature=")) {
		return signatureError(&sigv4.Error{Kind: sigv4.Mismatch, Message: "The signature of a chunk does not match."},
			false)
	}
	if size == 0 {
		return c.end()
	}
	c.signed = bytes.NewReader(data)
	return c.crlf()
}

// end reads what follows the last chunk.
func (c *chunked) end() error {
	c.done = true
	if !c.hasTrailer {
		_ = c.crlf() // some clients leave it out
		return nil
	}
	var signed strings.Builder
	for range 16 {
		text, err := c.line()
		if err != nil || text == "" {
			if c.chain != nil && signed.Len() > 0 {
				return signatureError(&sigv4.Error{Kind: sigv4.Mismatch, Message: "The trailer is not signed."}, false)
			}
			return nil
		}
		name, value, _ := strings.Cut(text, ":")
		if c.chain != nil && strings.EqualFold(name, "x-amz-trailer-signature") {
			if !c.chain.Trailer(sigv4.HexSHA256([]byte(signed.String())), strings.TrimSpace(value)) {
				return signatureError(&sigv4.Error{Kind: sigv4.Mismatch,
					Message: "The signature of the trailer does not match."}, false)
			}
			signed.Reset()
			continue
		}
		c.trailer.Set(name, strings.TrimSpace(value))
		signed.WriteString(strings.ToLower(name) + ":" + strings.TrimSpace(value) + "\n")
	}
	return invalid("too many trailers")
}
