package sigv4

import (
	"crypto/subtle"
)

// emptyHash is the SHA-256 of nothing.
const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// Chunks verifies the chain of signatures of an aws-chunked body (STREAMING-AWS4-HMAC-SHA256-PAYLOAD and its -TRAILER
// form). The signature of each chunk covers the one before it.
type Chunks struct {
	sig  *Signature
	prev string
}

// Chunks starts the chain at the signature of the request's headers.
func (s *Signature) Chunks() *Chunks { return &Chunks{s, s.Value} }

// Chunk verifies the next chunk, given the hex SHA-256 of its data.
func (c *Chunks) Chunk(dataHash, signature string) bool {
	return c.next("AWS4-HMAC-SHA256-PAYLOAD", emptyHash+"\n"+dataHash, signature)
}

// Trailer verifies the trailer that follows the last chunk, given the SHA-256 of its canonical lines.
func (c *Chunks) Trailer(hash, signature string) bool {
	return c.next("AWS4-HMAC-SHA256-TRAILER", hash, signature)
}

func (c *Chunks) next(kind, tail, signature string) bool {
	want := sign(c.sig.key, kind+"\n"+c.sig.Time.UTC().Format(timeFormat)+"\n"+c.sig.scope+"\n"+c.prev+"\n"+tail)
	c.prev = want
	return subtle.ConstantTimeCompare([]byte(want), []byte(signature)) == 1
}
