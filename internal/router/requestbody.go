package router

import "io"

// requestBody is a request's body, which is asked for if the client waits to be asked.
type requestBody struct {
	io.ReadCloser
	w       *response1
	expects bool
	eof     bool
	failed  bool
}

// ask asks for the body, if the client waits for that.
func (b *requestBody) ask() {
	if b.expects {
		b.expects = false
		_, _ = io.WriteString(b.w.c.conn, "HTTP/1.1 100 Continue\r\n\r\n") // a client that is gone does not send it
	}
}

func (b *requestBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		b.eof = true
	} else if err != nil {
		b.failed = true
	}
	return n, err
}

// maxDrain is how much of a body that nobody wanted is read so that the connection can be used again.
const maxDrain = 64 << 10

// drain reads what is left of the body; false if the connection cannot be used again.
func (b *requestBody) drain() bool {
	if b.eof {
		return true
	}
	if b.expects || b.failed {
		return false
	}
	_, _ = io.CopyN(io.Discard, b, maxDrain)
	return b.eof
}
