package agent

import (
	"errors"
	"io"
	"os"
)

// maxHoles bounds the zeros of sparse files in a bundle, which take no room on the disk but time to read.
const maxHoles = 16 << 30

var errTooLarge = errors.New("too large")

const block = 32 << 10

var zeros [block]byte

// copySparse writes content to a fresh file, and leaves holes where it is zero for a whole block. It counts the bytes
// that were written and those that were left out, and ends with errTooLarge if there are more of them than budget and
// holes. Without holes all of them count for the budget.
func copySparse(f *os.File, content io.Reader, budget, holes int64) (written, left int64, err error) {
	b := make([]byte, block)
	for {
		n, err := io.ReadFull(content, b)
		if n == block && string(b) == string(zeros[:]) {
			left += int64(n)
			if _, err := f.Seek(int64(n), io.SeekCurrent); err != nil {
				return written, left, err
			}
		} else if n > 0 {
			written += int64(n)
			if written <= budget {
				if _, err := f.Write(b[:n]); err != nil {
					return written, left, err
				}
			}
		}
		switch {
		case written > budget, holes > 0 && left > holes, holes == 0 && left > budget-written:
			return written, left, errTooLarge
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) && n > 0:
			return written, left, f.Truncate(written + left)
		case err != nil:
			return written, left, err
		}
	}
}
