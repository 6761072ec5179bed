package journal

import "bytes"

// counter counts lines as bytes come by. A line ends with a newline, or where it would become longer than MaxLine.
type counter struct {
	lines int64 // complete ones
	part  int64 // bytes of the line that has not ended, at most MaxLine
}

// add counts p, which must not be longer than MaxLine.
func (c *counter) add(p []byte) {
	first := bytes.IndexByte(p, '\n')
	if first < 0 {
		c.grow(int64(len(p)))
		return
	}
	c.grow(int64(first))
	last := bytes.LastIndexByte(p, '\n')
	// All but the first line are shorter than p, so none of them is cut.
	c.lines += 1 + int64(bytes.Count(p[first+1:last+1], []byte{'\n'}))
	c.part = int64(len(p) - last - 1)
}

func (c *counter) grow(n int64) {
	if c.part += n; c.part > MaxLine {
		cuts := (c.part - 1) / MaxLine
		c.lines += cuts
		c.part -= cuts * MaxLine
	}
}

// next returns the length of the first line of p and of the newline after it; ok is false if p holds no whole line.
func next(p []byte) (line, end int, ok bool) {
	i := bytes.IndexByte(p[:min(len(p), MaxLine+1)], '\n')
	switch {
	case i >= 0:
		return i, 1, true
	case len(p) > MaxLine:
		return MaxLine, 0, true
	}
	return 0, 0, false
}
