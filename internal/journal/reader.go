package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Reader reads the bytes of a log from an offset on, as far as they are written.
type Reader struct {
	dir    string
	name   Name
	file   *os.File
	offset int64
}

// Reader opens a log, or returns ErrNotExist.
func (j *Journal) Reader(n Name, offset int64) (*Reader, error) {
	dir, err := j.path(n)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(filepath.Join(dir, "log"))
	if errors.Is(err, fs.ErrNotExist) {
		err = ErrNotExist
	} else if err == nil {
		_, err = f.Seek(offset, io.SeekStart)
	}
	if err != nil {
		return nil, fmt.Errorf("read log %s: %w", n, err)
	}
	return &Reader{dir, n, f, offset}, nil
}

// State returns how many bytes there are to read now, and whether the log gets no more.
func (r *Reader) State() (left int64, complete bool, err error) {
	v, err := openView(r.dir)
	if err != nil {
		return 0, false, fmt.Errorf("read log %s: %w", r.name, err)
	}
	defer v.close()
	return max(v.size-r.offset, 0), v.complete, nil
}

// Copy writes a number of bytes, which State has counted, to w. The kernel does it where it can.
func (r *Reader) Copy(w io.Writer, n int64) error {
	copied, err := io.Copy(w, io.LimitReader(r.file, n))
	r.offset += copied
	return err
}

// Offset is how far the log was read.
func (r *Reader) Offset() int64 { return r.offset }

// Close closes the log.
func (r *Reader) Close() error { return r.file.Close() }
