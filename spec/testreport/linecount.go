package testreport

import (
	"bytes"
	"errors"
	"io"
	"math/bits"
)

// lineCount notes where lines end in what a decoder has taken, which is more than it has passed.
type lineCount struct {
	in   io.Reader
	read int64
	// ends has a bit for each byte from the offset base on, which is set if the byte is a newline.
	ends  []uint64
	base  int64
	at    int64 // the offset up to which lines are counted
	line  int   // the line there, from 0
	start int64 // the offset at which that line begins
}

// Read fills p, because the decoder looks through blanks from their beginning again after each read.
func (l *lineCount) Read(p []byte) (int, error) {
	n, err := io.ReadFull(l.in, p)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	words := int((l.read + int64(n) - l.base + 63) / 64)
	if more := words - len(l.ends); more > 0 {
		l.ends = append(l.ends, make([]uint64, more)...)
	}
	for rest, offset := p[:n], l.read-l.base; ; {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			break
		}
		offset += int64(i)
		l.ends[offset/64] |= 1 << (offset % 64)
		rest, offset = rest[i+1:], offset+1
	}
	l.read += int64(n)
	return n, err
}

// pass counts the lines up to an offset.
func (l *lineCount) pass(offset int64) {
	for l.at < offset {
		word, first := (l.at-l.base)/64, l.at%64
		last := min(64, first+offset-l.at)
		ends := l.ends[word] >> first << first << (64 - last) >> (64 - last)
		l.line += bits.OnesCount64(ends)
		if ends != 0 {
			l.start = l.base + word*64 + int64(bits.Len64(ends))
		}
		l.at += last - first
	}
	passed := (l.at - l.base) / 64
	l.ends, l.base = l.ends[passed:], l.base+passed*64
}
