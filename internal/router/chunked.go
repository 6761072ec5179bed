package router

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"

	"golang.org/x/net/http/httpguts"
)

// chunkedBody reads a body in chunks (RFC 9112, section 7.1). A read never waits for the rest of a chunk of which a
// part is here, so that nothing is held back. (net/http/httputil's reader waits for it.) Chunk extensions are dropped.
type chunkedBody struct {
	r       *bufio.Reader
	left    int64 // of the chunk at hand
	inside  bool  // a chunk was begun whose closing line end was not read
	spent   int   // bytes of lines that bring no content, against floods of extensions
	err     error
	trailer http.Header // what came after the last chunk
}

var errChunk = errors.New("a chunk is malformed")

const (
	// maxChunkLine bounds the line before a chunk, which has its size in hex digits and extensions.
	maxChunkLine = 1 << 10
	// maxChunkWaste bounds what lines between chunks may bring beyond their usual few bytes, and the trailer.
	maxChunkWaste = 16 << 10
)

func (c *chunkedBody) Read(p []byte) (n int, err error) {
	if len(p) == 0 {
		return 0, nil
	}
	if c.err == nil && c.left == 0 {
		c.err = c.next()
	}
	if c.err != nil {
		return 0, c.err
	}
	n, err = c.r.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	if err != nil {
		c.err = unexpected(err)
	}
	return n, c.err
}

// Close implements io.Closer; the connection is not the body's to close.
func (c *chunkedBody) Close() error { return nil }

// next reads up to the content of the next chunk. io.EOF says that there was a last one.
func (c *chunkedBody) next() error {
	if c.inside {
		end, err := c.r.Peek(2)
		if err != nil {
			return unexpected(err)
		}
		if string(end) != "\r\n" {
			return errChunk
		}
		_, _ = c.r.Discard(2) // they are there
	}
	line, err := c.line(maxChunkLine)
	if err != nil {
		return err
	}
	if c.spent += max(len(line)-16, 0); c.spent > maxChunkWaste {
		return errChunk
	}
	size, _, _ := bytes.Cut(line, []byte{';'})
	if c.left, err = chunkSize(bytes.TrimRight(size, " \t")); err != nil {
		return err
	}
	if c.inside = c.left > 0; c.inside {
		return nil
	}
	return c.readTrailer()
}

// chunkSize reads one to fifteen hex digits.
func chunkSize(digits []byte) (n int64, err error) {
	if len(digits) == 0 || len(digits) > 15 {
		return 0, errChunk
	}
	for _, c := range digits {
		switch {
		case '0' <= c && c <= '9':
			n = n<<4 | int64(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			n = n<<4 | int64(c|0x20-'a'+10)
		default:
			return 0, errChunk
		}
	}
	return n, nil
}

// readTrailer reads what follows the last chunk; io.EOF is its good end. Headers that frame or route a message have no
// meaning there and are dropped (RFC 9110, section 6.5.1).
func (c *chunkedBody) readTrailer() error {
	for {
		line, err := c.line(maxChunkWaste - c.spent)
		if err != nil {
			return err
		}
		if len(line) == 0 {
			return io.EOF
		}
		c.spent += len(line)
		name, value, ok := bytes.Cut(line, []byte{':'})
		value = bytes.Trim(value, " \t")
		if !ok || !isToken(name) || !httpguts.ValidHeaderFieldValue(string(value)) {
			return errChunk
		}
		if key := canonical(name); !hop(key) && !ours(key) {
			if c.trailer == nil {
				c.trailer = http.Header{}
			}
			c.trailer.Add(key, string(value))
		}
	}
}

// line reads a line that ends with CRLF, without that.
func (c *chunkedBody) line(most int) ([]byte, error) {
	line, err := c.r.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, errChunk
	case err != nil:
		return nil, unexpected(err)
	case len(line) > most || len(line) < 2 || line[len(line)-2] != '\r' || bytes.IndexByte(line, '\r') != len(line)-2:
		return nil, errChunk
	}
	return line[:len(line)-2], nil
}

// unexpected is the end of a connection where more was due.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
