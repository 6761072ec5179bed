package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"time"
)

const (
	// entrySize is what an entry takes in the index: offset, line, time in milliseconds, back with the flag of
	// completeness, CRC-32.
	entrySize = 32
	// stride is how many bytes of the log lie between two entries at most.
	stride = 64 << 10
	// tick is how exact a line's time is: bytes within one tick share an entry.
	tick = 100 * time.Millisecond

	completeFlag = 1 << 31
)

// entry says of the log's bytes from offset on, up to the next entry's, that they were written at time. Before offset
// lie line lines; the line that offset is in began back bytes earlier. It is written before the bytes that it speaks
// of.
type entry struct {
	offset, line int64
	time         int64 // milliseconds since 1970
	back         int64 // at most MaxLine
	complete     bool  // nothing follows
}

// lines is how many lines end before the entry; a part without an end counts once the log is complete.
func (e entry) lines() int64 {
	if e.complete && e.back > 0 {
		return e.line + 1
	}
	return e.line
}

func (e entry) append(b []byte) []byte {
	n := len(b)
	b = binary.LittleEndian.AppendUint64(b, uint64(e.offset))
	b = binary.LittleEndian.AppendUint64(b, uint64(e.line))
	b = binary.LittleEndian.AppendUint64(b, uint64(e.time))
	back := uint32(e.back)
	if e.complete {
		back |= completeFlag
	}
	b = binary.LittleEndian.AppendUint32(b, back)
	return binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b[n:]))
}

func parseEntry(b []byte) (entry, bool) {
	back := binary.LittleEndian.Uint32(b[24:])
	e := entry{offset: int64(binary.LittleEndian.Uint64(b)), line: int64(binary.LittleEndian.Uint64(b[8:])),
		time: int64(binary.LittleEndian.Uint64(b[16:])),
		back: int64(back &^ completeFlag), complete: back&completeFlag != 0}
	ok := crc32.ChecksumIEEE(b[:28]) == binary.LittleEndian.Uint32(b[28:]) && e.offset >= 0 && e.line >= 0 &&
		e.back <= min(e.offset, MaxLine)
	return e, ok
}

// index is an open index and the number of its entries when it was opened.
type index struct {
	file *os.File
	n    int
}

func openIndex(dir string) (*index, error) {
	f, err := os.Open(filepath.Join(dir, "index"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotExist
	} else if err != nil {
		return nil, err
	}
	x, err := readIndex(f)
	if err != nil {
		_ = f.Close()
	}
	return x, err
}

// readIndex counts the whole entries. What a crash left half written at the end does not count.
func readIndex(f *os.File) (*index, error) {
	size, err := f.Seek(0, 2)
	if err != nil {
		return nil, err
	}
	x := &index{file: f, n: int(size / entrySize)}
	for x.n > 0 {
		if _, err := x.at(x.n - 1); err == nil {
			break
		}
		x.n--
	}
	return x, nil
}

func (x *index) close() { _ = x.file.Close() }

func (x *index) at(i int) (entry, error) {
	var b [entrySize]byte
	if _, err := x.file.ReadAt(b[:], int64(i)*entrySize); err != nil {
		return entry{}, fmt.Errorf("read %s: %w", x.file.Name(), err)
	}
	e, ok := parseEntry(b[:])
	if !ok {
		return e, fmt.Errorf("%s: entry %d is damaged", x.file.Name(), i)
	}
	return e, nil
}

func (x *index) last() (entry, bool) {
	if x.n == 0 {
		return entry{}, false
	}
	e, err := x.at(x.n - 1)
	return e, err == nil
}

// search returns the number of the first entry for which less is false, x.n if there is none.
func (x *index) search(less func(entry) bool) (int, error) {
	var failed error
	i := sort.Search(x.n, func(i int) bool {
		e, err := x.at(i)
		if err != nil {
			failed = err
			return true
		}
		return !less(e)
	})
	return i, failed
}
