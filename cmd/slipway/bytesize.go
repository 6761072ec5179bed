package main

import (
	"fmt"
	"strconv"
	"strings"
)

// byteSize is a number of bytes on the command line: 10GiB, 500MB, 1048576.
type byteSize int64

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *byteSize) UnmarshalText(text []byte) error {
	given := strings.ToUpper(strings.TrimSpace(string(text)))
	digits := strings.TrimRight(given, "KMGTIB ")
	n, err := strconv.ParseInt(digits, 10, 64)
	scale, known := map[string]int64{
		"": 1, "B": 1,
		"K": 1 << 10, "KIB": 1 << 10, "KB": 1_000,
		"M": 1 << 20, "MIB": 1 << 20, "MB": 1_000_000,
		"G": 1 << 30, "GIB": 1 << 30, "GB": 1_000_000_000,
		"T": 1 << 40, "TIB": 1 << 40, "TB": 1_000_000_000_000,
	}[strings.TrimSpace(given[len(digits):])]
	if err != nil || !known || n < 0 || n > (1<<62)/scale {
		return fmt.Errorf("%q is no size: write one as in 10GiB", text)
	}
	*s = byteSize(n * scale)
	return nil
}
