package testreport

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// maxText bounds a line of a file that is read line by line, in bytes.
const maxText = 1 << 20

// eachLine calls do for each line of a file, without its end. It returns the number of lines.
func (f *file) eachLine(do func(line string) error) (int, error) {
	b := bufio.NewReaderSize(f.in, 64<<10)
	number := 1
	f.place = func() string { return strconv.Itoa(number) }
	for ; ; number++ {
		f.in.mark = f.in.read // each line is a value, with a bound of its own
		line, err := readLine(b)
		if errors.Is(err, io.EOF) && line == "" {
			return number - 1, nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return number, err
		}
		if err := do(strings.TrimRight(line, "\r\n")); err != nil {
			return number, err
		}
	}
}

// readLine reads a line with its end.
func readLine(b *bufio.Reader) (string, error) {
	var line []byte
	for {
		part, err := b.ReadSlice('\n')
		if len(line)+len(part) > maxText {
			return "", fmt.Errorf("a line has more than %d MB", maxText>>20)
		}
		if line = append(line, part...); !errors.Is(err, bufio.ErrBufferFull) {
			return string(line), err
		}
	}
}
