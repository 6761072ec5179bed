package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// Mark says that the bytes of a log from Offset on, up to the next mark, were written at Time.
type Mark struct {
	Offset int64
	Time   time.Time
}

// Bytes is a part of a log as it was written.
type Bytes struct {
	Data []byte
	// Marks say when the bytes were written; the first is at or before the first byte.
	Marks []Mark
	// Size is how many bytes the log has now. A log that is Complete gets no more.
	Size     int64
	Complete bool
}

// Bytes returns up to limit bytes of a log from an offset on, or ErrNotExist. Past the log's end there are none.
func (j *Journal) Bytes(_ context.Context, n Name, offset int64, limit int) (Bytes, error) {
	v, err := j.view(n)
	if err != nil {
		return Bytes{}, err
	}
	defer v.close()
	b := Bytes{Size: v.size, Complete: v.complete}
	length := min(v.size-offset, int64(limit))
	if offset < 0 || length <= 0 {
		return b, nil
	}
	b.Data = make([]byte, length)
	if got, err := v.log.ReadAt(b.Data, offset); int64(got) < length {
		if errors.Is(err, io.EOF) {
			err = ErrNotExist // it was removed while it was read
		}
		return Bytes{}, fmt.Errorf("read log %s: %w", n, err)
	}
	if b.Marks, err = v.marks(offset, offset+length); err != nil {
		return Bytes{}, fmt.Errorf("read log %s: %w", n, err)
	}
	return b, nil
}

// marks are the index's entries for the bytes from one offset to another.
func (v *view) marks(from, to int64) (marks []Mark, err error) {
	i, err := v.search(func(e entry) bool { return e.offset <= from })
	if err != nil {
		return nil, err
	}
	for i = max(i-1, 0); i < v.n; i++ {
		e, err := v.at(i)
		if err != nil {
			return nil, err
		}
		if e.offset >= to {
			break
		}
		marks = append(marks, Mark{e.offset, time.UnixMilli(e.time).UTC()})
	}
	return marks, nil
}

// WaitBytes returns when the log has more than size bytes, or is complete. It also waits for a log that does not exist
// yet.
func (j *Journal) WaitBytes(ctx context.Context, n Name, size int64) error {
	return j.wait(ctx, n, func(v *view) bool { return v.complete || v.size > size })
}
